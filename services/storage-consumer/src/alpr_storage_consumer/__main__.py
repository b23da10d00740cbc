"""`alpr-storage-consumer`: consumes until told to stop; `migrate` and `retain` run once."""

from __future__ import annotations

import signal
import sys
import threading

import click
import structlog

from alpr_storage_consumer.commands import migrate, retain, said

log = structlog.get_logger(__name__)
SWITCH_S = 0.0005
"""Two threads share the interpreter: five milliseconds a turn would slow each answer of the database."""


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
    sys.setswitchinterval(SWITCH_S)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with said():
        try:
            service.run(StorageSettings(), stop, _told)
        except (Misdeployed, DeadLetterFlood) as e:
            log.error("consumer_stopped", kind=type(e).__name__, reason=str(e))  # noqa: TRY400 - its text says it all
            return 1
    log.info("consumer_ended")
    return 0


def _told(ready: bool, why: str) -> None:  # noqa: FBT001 - the kit's signature
    log.info("consumer_ready" if ready else "consumer_not_ready", reason=why)


def main() -> None:
    """The entry point; ends the process."""
    program(prog_name="alpr-storage-consumer")


if __name__ == "__main__":
    main()
