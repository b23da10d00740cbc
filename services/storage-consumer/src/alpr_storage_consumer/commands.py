"""`alpr ledger`, and the parts of `alpr-storage-consumer` that run once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path

import click
import psycopg
from pydantic import ValidationError

from alpr_kafka.service import faults
from alpr_storage_consumer.errors import CannotRetain
from alpr_storage_consumer.settings import DatabaseSettings, RetentionSettings

_LOCAL = "alpr.ledger.local"


@contextmanager
def said() -> Iterator[None]:
    """Errors that somebody can act on end the command with their text, and with no password in it."""
    try:
        yield
    except ValidationError as e:
        raise click.ClickException(faults(e)) from None
    except psycopg.errors.UndefinedTable as e:
        raise click.ClickException("the database lacks a table; run: alpr-storage-consumer migrate") from e
    except psycopg.Error as e:
        told = f"database: {type(e).__name__} {e.sqlstate or ''}".rstrip()
        raise click.ClickException(f"{told}; is ALPR_DATABASE_URL (or DB_HOST and so on) right, and is it up?") from e
    except CannotRetain as e:
        raise click.ClickException(str(e)) from e


@click.command(short_help="Prove which events have come, and which are missing.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--agent", help="This agent's entries only.")
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), envvar="ALPR_DATA", default=Path("alpr-data"),
    show_default=True, help="The folder of `alpr up`; not asked where the environment names a database.",
)  # fmt: skip
@click.option("--missing", "only_missing", is_flag=True, help="Only boots with missing numbers.")
def ledger(agent: str | None, data: Path, *, as_json: bool, only_missing: bool) -> None:
    """Print, for each boot of each agent and each topic, which of its numbers are in the database.

    Missing numbers are events that an agent made and nobody has: they may be on their way. The exit status is 1 while
    there are any. ALPR_DATABASE_URL, or DB_HOST and so on, name the fleet's database.
    """
    from alpr_storage_consumer.proof import as_document, as_table, read_proof

    with said(), _database(data) as dsn, psycopg.connect(dsn, connect_timeout=5) as connection:
        entries = read_proof(connection, agent)
    document = as_document(entries)
    shown = [e for e in entries if e.missing_count] if only_missing else entries
    if as_json:
        click.echo(json.dumps(as_document(shown) if only_missing else document, indent=2))
    else:
        click.echo(as_table(shown))
        click.echo(
            f"{document['seen']} events of {len(entries)} numberings; {document['missing']} missing,"
            f" {document['tombstoned']} given up by their agents, {document['dead']} among the dead letters"
        )
    sys.exit(0 if document["complete"] else 1)


@contextmanager
def _database(data: Path) -> Iterator[str]:
    """The database that the environment names, else the one of the machine whose folder is `data`."""
    settings = DatabaseSettings()
    local = sorted(entry_points(group=_LOCAL), key=lambda entry: entry.name)
    if settings.named or not local:
        yield settings.dsn()
        return
    with local[0].load()(data) as dsn:
        yield dsn


@click.command()
@click.option("--engine", type=click.Choice(["postgres", "timescale"]), help="At the first migration; else detected.")
@click.option("--reader", metavar="ROLE", help="Give ROLE what the Query API and the indexer need of the tables.")
def migrate(engine: str | None, reader: str | None) -> None:
    """Bring the database's tables up to date."""
    from alpr_storage_consumer import migrate as migrations
    from alpr_storage_consumer.grants import grant_reader

    with said():
        dsn = DatabaseSettings().dsn()
        applied = migrations.migrate(dsn, engine)  # type: ignore[arg-type] # click has checked it
        if reader:
            grant_reader(dsn, reader)
    click.echo("\n".join(applied) or "nothing to do")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how long rows are kept.")
def retain(*, dry_run: bool) -> None:
    """Remove rows that are older than RETAIN_PLATES, RETAIN_VEHICLES and RETAIN_METRICS, as in 365d."""
    from alpr_storage_consumer import retention

    with said():
        ages = RetentionSettings().by_table()
        if dry_run:
            click.echo("\n".join(f"{table}: {_days(age)}" for table, age in ages.items()))
            return
        for table, dropped in retention.retain(DatabaseSettings().dsn(), ages).items():
            click.echo(f"{table}: {len(dropped)} parts dropped")


def _days(age: timedelta) -> str:
    return f"{age.total_seconds() / 86400:g} days"
