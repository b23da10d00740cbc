"""What the `main` of every consumer does: settings, probes, SIGTERM, and an end that says who must act."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import structlog
from pydantic import ValidationError

from alpr_kafka.errors import DeadLetterFlood, Misdeployed
from alpr_kafka.settings import ConsumerSettings
from alpr_telemetry import configure
from alpr_telemetry.serving import Readiness, served
from alpr_telemetry.tracing import traced

log = structlog.get_logger(__name__)
S = TypeVar("S", bound=ConsumerSettings)
Told = Callable[[bool, str], None]
"""Is told ready, or not, and why."""


def serve(
    service: str,
    settings: Callable[[], S],
    run: Callable[[S, threading.Event, Told], None],
    *,
    stops: tuple[type[Exception], ...] = (),
) -> int:
    """Call `run` until SIGTERM or SIGINT; the exit status is 2 where a person must change something.

    Args:
        service: its name in the logs.
        settings: reads them; raises ValidationError for faults.
        run: does the work until its second argument is set.
        stops: errors besides the kit's own after which a restart alone does not help.
    """
    configure(service)
    final: tuple[type[Exception], ...] = (Misdeployed, DeadLetterFlood, *stops)
    stop, readiness = _until_signalled(), Readiness()
    try:
        given = settings()
        with _probes(given.metrics_port, readiness), traced(service):
            run(given, stop, readiness.tell)
    except ValidationError as e:
        log.error("setting_wrong", fix=faults(e))  # noqa: TRY400 - its text says it all
        return 2
    except final as e:
        log.error("consumer_stopped", kind=type(e).__name__, fix=str(e))  # noqa: TRY400 - its text says it all
        return 2
    log.info("consumer_ended")
    return 0


def faults(error: ValidationError) -> str:
    """What is wrong with settings, by their names and without their values: some are secret."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))


def _until_signalled() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def _probes(port: int, readiness: Readiness) -> Iterator[None]:
    with ExitStack() as open_things:
        try:
            open_things.enter_context(served(port, readiness))
        except OSError as e:
            raise Misdeployed(f"METRICS_PORT={port}: {e.strerror}; choose another") from e
        yield
