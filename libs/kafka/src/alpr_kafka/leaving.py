"""A client is closed, but not for longer than Kafka may take."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import Final

import confluent_kafka
import structlog

log = structlog.get_logger(__name__)
WITHIN_S: Final = 2.0


def leave(client: confluent_kafka.Consumer, within_s: float = WITHIN_S) -> None:
    """Close `client`, and go on without its end where that takes longer: all that counts is written, or comes again.

    While no broker answers, librdkafka looks for the group's coordinator without an end (its issue 3740). Raises what
    the callbacks raise that it calls within the time.
    """
    left: Future[None] = Future()

    def close() -> None:
        try:
            client.close()
        except Exception as e:  # noqa: BLE001 - told to whoever waits
            left.set_exception(e)
        else:
            left.set_result(None)

    threading.Thread(target=close, name="leaving", daemon=True).start()
    wait([left], within_s)
    if left.done():
        left.result()
    else:
        log.warning("not_left", reason="Kafka does not answer; the group waits for this member's session to end")
