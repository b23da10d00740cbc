"""Which letters a command means, said on its command line, with completion in the shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from alpr_dlq_consumer.queries import Selection

Command = Callable[..., None]
_RATE = re.compile(r"(?P<count>\d+(\.\d+)?)(/(?P<per>s|min|h))?")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, None: 1.0}


class Rate(click.ParamType[float]):
    """`100/s`, `600/min`, `100`: letters a second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Letters a second, more than none."""
        found = _RATE.fullmatch(str(value))
        if found is None or float(found["count"]) <= 0:
            self.fail(f"{value!r}: write a rate as 100/s, 600/min or 5000/h", param, ctx)
        return float(found["count"]) / _SECONDS[found["per"]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was said of the letters; nothing said means all of them."""

    fingerprint: str | None
    consumer: str | None
    ids: tuple[int, ...]

    def selection(self, states: Sequence[str]) -> Selection:
        """The same for a query, of letters in one of `states`."""
        from alpr_dlq_consumer.queries import Selection

        return Selection(tuple(states), self.fingerprint, self.consumer, self.ids or None)

    def explicit(self, *, everything: bool) -> Choice:
        """Itself; nobody changes all letters by leaving an option out. Raises UsageError."""
        if not (self.fingerprint or self.consumer or self.ids or everything):
            raise click.UsageError("say which letters: --fingerprint, --id, --consumer, or --all")
        return self


def chosen(command: Command) -> Command:
    """Gives `command` the options that choose letters, and hands it a `choice`."""

    @wraps(command)
    def choosing(*, fingerprint: str | None, consumer: str | None, ids: tuple[int, ...], **more: Any) -> None:
        command(choice=Choice(fingerprint, consumer, ids), **more)

    offered: Command = choosing
    for option in _OPTIONS:
        offered = option(offered)
    return offered


def _fingerprints(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The open groups, for the shell; nothing where the database does not answer."""
    from alpr_dlq_consumer.errors import LettersError
    from alpr_dlq_consumer.home import home
    from alpr_dlq_consumer.queries import Selection, connected, groups

    with suppress(LettersError), home(ctx.params.get("data") or Path("alpr-data")) as here, connected(here.dsn) as db:
        found = groups(db, Selection(("new", "parked"), incomplete), 50)
        return [CompletionItem(group.fingerprint, help=f"{group.letters} {group.kind}") for group in found]
    return []


def _consumers(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from alpr_dlq_consumer.consumers import GROUPS

    return [CompletionItem(name) for name in GROUPS if name.startswith(incomplete)]


def _short(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    from alpr_dlq_consumer.consumers import short_name

    return short_name(value) if value is not None else None


def _hexadecimal(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9a-f]{4,64}", value):
        raise click.BadParameter("a fingerprint is hexadecimal, at least its first 4 characters: see alpr dlq list")
    return value


_OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option("--id", "ids", type=click.IntRange(1), multiple=True, help="One letter; may stand several times."),
    click.option(
        "--consumer", shell_complete=_consumers, callback=_short, help="Letters of one consumer, as in storage."
    ),
    click.option(
        "--fingerprint", callback=_hexadecimal, shell_complete=_fingerprints,
        help="Letters of one group; the first characters of its fingerprint are enough.",
    ),
)  # fmt: skip
