"""`alpr-storage-consumer`: consumes until told to stop; `migrate` and `retain` run once."""

from __future__ import annotations

import sys

import click

from alpr_storage_consumer.commands import migrate, retain


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def program(context: click.Context) -> None:
    """Store events from Kafka; without a command until SIGTERM. All settings are environment variables (README)."""
    if context.invoked_subcommand is None:
        sys.exit(run())


program.add_command(migrate)
program.add_command(retain)


def run() -> int:
    """Consume until SIGTERM or SIGINT: the exit status, 2 where a person must change something."""
    from alpr_kafka.service import serve
    from alpr_storage_consumer import service
    from alpr_storage_consumer.settings import StorageSettings

    return serve("storage-consumer", StorageSettings, service.run)


def main() -> None:
    """The entry point; ends the process."""
    program(prog_name="alpr-storage-consumer")


if __name__ == "__main__":
    main()
