"""`alpr-storage-consumer`: consumes until told to stop; `migrate` and `retain` run once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import click
import structlog

from alpr_storage_consumer.commands import migrate, retain, settings_said
from alpr_telemetry.serving import Readiness, served

log = structlog.get_logger(__name__)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def program(context: click.Context) -> None:
    """Store events from Kafka; without a command until SIGTERM. All settings are environment variables (README)."""
    if context.invoked_subcommand is None:
        sys.exit(run())


program.add_command(migrate)
program.add_command(retain)


def run() -> int:
    """Consume until SIGTERM or SIGINT: the exit status, 1 where the consumer cannot go on by itself."""
    from alpr_kafka.errors import DeadLetterFlood, Misdeployed
    from alpr_storage_consumer import service
    from alpr_storage_consumer.settings import StorageSettings
    from alpr_telemetry import configure

    configure("storage-consumer")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with settings_said():
        settings, readiness = StorageSettings(), Readiness()
        try:
            with _probes(settings.metrics_port, readiness):
                service.run(settings, stop, readiness.tell)
        except (Misdeployed, DeadLetterFlood) as e:
            log.error("consumer_stopped", kind=type(e).__name__, reason=str(e))  # noqa: TRY400 - its text says it all
            return 1
    log.info("consumer_ended")
    return 0


@contextmanager
def _probes(port: int, readiness: Readiness) -> Iterator[None]:
    with ExitStack() as open_things:
        try:
            open_things.enter_context(served(port, readiness))
        except OSError as e:
            raise click.ClickException(f"METRICS_PORT={port}: {e.strerror}; choose another") from e
        yield


def main() -> None:
    """The entry point; ends the process."""
    program(prog_name="alpr-storage-consumer")


if __name__ == "__main__":
    main()
