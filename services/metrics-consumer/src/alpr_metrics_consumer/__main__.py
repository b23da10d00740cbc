"""`alpr-metrics-consumer`: settings from the environment, one process, until SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading

import structlog
from pydantic import ValidationError

from alpr_kafka.errors import DeadLetterFlood, Misdeployed
from alpr_metrics_consumer import service
from alpr_metrics_consumer.settings import MetricsSettings, faults
from alpr_telemetry import configure
from alpr_telemetry.serving import Readiness, served

log = structlog.get_logger(__name__)


def run(stop: threading.Event) -> int:
    """Show figures until `stop`; the exit status is 2 where a person must change something."""
    readiness = Readiness()
    try:
        settings = MetricsSettings()
        with served(settings.metrics_port, readiness):
            service.run(settings, stop, readiness.tell)
    except ValidationError as e:
        log.error("setting_wrong", fix=faults(e))  # noqa: TRY400 - its text says it all
        return 2
    except (Misdeployed, DeadLetterFlood) as e:
        log.error("consumer_stopped", kind=type(e).__name__, fix=str(e))  # noqa: TRY400 - its text says it all
        return 2
    log.info("consumer_ended")
    return 0


def main() -> None:
    """The entry point; ends the process."""
    configure("metrics-consumer")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sys.exit(run(stop))


if __name__ == "__main__":
    main()
