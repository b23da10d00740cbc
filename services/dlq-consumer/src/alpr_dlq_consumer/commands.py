"""`alpr dlq`: what the person on call does with dead letters. What is heavy is imported when a command runs."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alpr_dlq_consumer.choosing import Choice, Rate, chosen

if TYPE_CHECKING:
    import psycopg

    from alpr_dlq_consumer.home import Home
    from alpr_dlq_consumer.queries import Selection
    from alpr_dlq_consumer.replay import Tally

_STATES = ("new", "parked", "replayed", "discarded")
_OPEN = ("new", "parked")
_REPLAY_HELP = """Send letters to their consumer again, with their bytes, key and headers; those it refuses come back.

\b
  alpr dlq replay --fingerprint 3f2a --dry-run
  alpr dlq replay --fingerprint 3f2a --rate 50/s
"""
DATA = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), envvar="ALPR_DATA", default=Path("alpr-data"),
    show_default=True, help="The folder of `alpr up`; not asked where ALPR_DATABASE_URL or DB_HOST names a database.",
)  # fmt: skip
JSON = click.option("--json", "as_json", is_flag=True, help="JSON, one document a line.")


@click.group()
def dlq() -> None:
    """Show, replay and discard the records that a consumer refused (docs/dead-letters.md)."""


@dlq.command("list")
@chosen
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="By default new and parked.")
@click.option("--letters", "single", is_flag=True, help="Single letters, the newest first, in place of groups.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@JSON
@DATA
def list_command(
    choice: Choice, states: tuple[str, ...], data: Path, limit: int, *, single: bool, as_json: bool
) -> None:
    """List what went wrong, by group: how often, since when, for whom, why."""
    from alpr_dlq_consumer import queries, showing

    selection = choice.selection(states or _OPEN)
    with _opened(data) as (_, db):
        if single:
            kept = queries.letters(db, selection, limit)
            facts, titles = [showing.letter_facts(k) for k in kept], showing.LETTER_TITLES
            rows = [showing.letter_row(k) for k in kept]
        else:
            groups = queries.groups(db, selection, limit)
            facts, titles = [showing.group_facts(g) for g in groups], showing.GROUP_TITLES
            rows = [showing.group_row(g) for g in groups]
    _print(facts, titles, rows, as_json=as_json)


@dlq.command()
@click.argument("letter")
@click.option("--reveal", is_flag=True, help="Show the plate and all bytes; the audit notes that you asked.")
@click.option("--why", default="", help="The purpose, for the audit.")
@JSON
@DATA
def show(letter: str, why: str, data: Path, *, reveal: bool, as_json: bool) -> None:
    """Show LETTER (its number, or its dlq_id): where it was, why it was refused, its headers, and what it holds."""
    from alpr_dlq_consumer import queries
    from alpr_dlq_consumer.contents import described, lines

    with _opened(data) as (here, db):
        kept = queries.letter(db, letter)
        if reveal:  # before the plate is printed: who saw it is known, also where the terminal was cut off
            queries.note(db, queries.Note(actor(), "reveal", f"id={kept.id} dlq_id={kept.dlq_id}", 1, why))
        with here.decoders() as decoders:
            facts = described(kept, decoders, reveal=reveal)
    click.echo(_json(facts) if as_json else "\n".join(lines(facts)))


@dlq.command(help=_REPLAY_HELP)
@chosen
@click.option("--all", "everything", is_flag=True, help="All new letters that can be replayed.")
@click.option("--parked", is_flag=True, help="Those too that were tried five times.")
@click.option("--rate", type=Rate(), default="100/s", show_default=True, help="At most so many letters.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and change nothing.")
@DATA
def replay(choice: Choice, data: Path, rate: float, *, everything: bool, parked: bool, dry_run: bool) -> None:
    """See `_REPLAY_HELP`."""
    selection = choice.explicit(everything=everything).selection(_OPEN if parked else ("new",))
    with _opened(data) as (here, db):
        if dry_run:
            _plan(here, db, selection, rate)
            return
        tally = _replay(here, db, selection, rate)
    click.echo(f"{tally.replayed} letters were sent again")
    _say(tally)
    if tally.failed:
        raise click.ClickException(tally.failed)


@dlq.command()
@chosen
@click.option("--all", "everything", is_flag=True, help="All new and parked letters.")
@click.option("--why", default="", help="The reason, for the audit.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@DATA
def discard(choice: Choice, data: Path, why: str, *, everything: bool, yes: bool) -> None:
    """Mark letters as of no use: they are not replayed, alert no more, and are deleted when their time is over."""
    from alpr_dlq_consumer import queries

    selection = choice.explicit(everything=everything).selection(_OPEN)
    with _opened(data) as (_, db):
        meant = queries.count(db, selection)
        total = sum(meant.values())
        if total and not yes:
            whose = ", ".join(f"{letters} of {name}" for name, letters in sorted(meant.items()))
            click.confirm(f"Discard {total} letters ({whose})?", abort=True)
        click.echo(f"{queries.discard(db, selection, actor(), why) if total else 0} letters discarded")


def actor() -> str:
    """Who runs this command, for the audit; the database notes its own user beside it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


@contextmanager
def _opened(data: Path) -> Iterator[tuple[Home, psycopg.Connection]]:
    """The letters' home and its database; what somebody can act on ends the command with a sentence."""
    from pydantic import ValidationError

    from alpr_dlq_consumer.errors import LettersError
    from alpr_dlq_consumer.home import home
    from alpr_dlq_consumer.queries import connected
    from alpr_kafka.service import faults
    from alpr_telemetry import scrub

    try:
        with home(data) as here, connected(here.dsn) as db:
            yield here, db
    except LettersError as e:
        raise click.ClickException(scrub(str(e))) from e
    except ValidationError as e:
        raise click.ClickException(f"the environment: {faults(e)}") from e


def _plan(here: Home, db: psycopg.Connection, selection: Selection, rate: float) -> None:
    from alpr_dlq_consumer.queries import each
    from alpr_dlq_consumer.replay import plan

    sent, left = plan(each(db, selection), here.sender())
    click.echo(f"{sent} letters would be sent again, {rate:g} a second; nothing was changed")
    _say(left)


def _replay(here: Home, db: psycopg.Connection, selection: Selection, rate: float) -> Tally:
    from alpr_dlq_consumer.queries import count
    from alpr_dlq_consumer.replay import Pace, Replay
    from alpr_dlq_consumer.stopping import stop_on_signals

    total = sum(count(db, selection).values())
    sender = here.sender()
    try:
        with (
            stop_on_signals() as stop,
            click.progressbar(range(total), label="Replaying", file=sys.stderr) as bar,
        ):
            return Replay(db, sender, selection, Pace(rate), actor(), stop=stop).run(bar.update)
    finally:
        sender.close()


def _say(tally: Tally) -> None:
    if tally.parked:
        click.echo(f"{tally.parked} were tried five times and are parked")
    if tally.refused:
        click.echo(f"{tally.refused} were refused again: alpr dlq list")
    for why_not, letters in tally.skipped.most_common():
        click.echo(f"{letters} left: {why_not}")


def _print(
    facts: Sequence[Mapping[str, Any]], titles: Sequence[str], rows: Sequence[Sequence[str]], *, as_json: bool
) -> None:
    from alpr_dlq_consumer.showing import table

    lines = [_json(fact) for fact in facts] if as_json else list(table(titles, rows)) if rows else ["no letters"]
    for line in lines:
        click.echo(line)


def _json(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, default=str)
