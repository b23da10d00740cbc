"""The delivering half of an agent as a process of its own: an outbox into Kafka, until SIGTERM or a failpoint.

`python -m alpr_testing.event_sender OUTBOX AGENT`; Kafka and the registry by the environment, as the agent has them.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from alpr_edge_agent.lean import keep_out

if __name__ == "__main__":
    keep_out()  # as the agent's own process begins

from alpr_edge_agent.agent.delivery import deliver_events
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.publish.kafka import KafkaPublisher
from alpr_kafka.producer import Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings


def main() -> None:
    """Deliver until told to stop."""
    outbox, agent = Path(sys.argv[1]), sys.argv[2]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    settings = RegistrySettings(cache_folder=outbox.parent / "schemas")
    with Registry(settings) as registry, Producer(KafkaSettings(), client_id=agent, give_up_after_s=10) as producer:
        deliver_events(OutboxReader(outbox), KafkaPublisher(producer, registry, stop), stop, site="north", host=agent)


if __name__ == "__main__":
    main()
