"""Rows for a person or for a program: a table with colour where somebody looks, JSON where it is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

Tone = Literal["good", "wait", "bad", "dim", "plain", "title"]
_STYLES: Final[dict[Tone, str]] = {
    "good": "green",
    "wait": "yellow",
    "bad": "bold red",
    "dim": "dim",
    "plain": "",
    "title": "bold",
}
_NOBODY_LOOKS_COLUMNS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and how it is meant."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: as many cells in each line as there are headings."""

    headings: tuple[str, ...]
    lines: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line of prose."""

    text: str
    tone: Tone = "plain"


def console() -> Console:
    """Standard output; colour and line folding only on a terminal (NO_COLOR and FORCE_COLOR are heeded)."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=_NOBODY_LOOKS_COLUMNS)


def table_of(sheet: Sheet) -> Table:
    """As rich draws it: no frame, as kubectl's."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in sheet.headings:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for line in sheet.lines:
        table.add_row(*(styled(cell.text, cell.tone) for cell in line))
    return table


def styled(text: str, tone: Tone) -> Text:
    """Text of others is never markup, and cannot move the cursor: control codes and line ends become blanks."""
    return Text("".join(c if c.isprintable() else " " for c in text), style=_STYLES[tone])


def drawn(sheet: Sheet | None, sentences: Sequence[Sentence] = ()) -> str:
    """A table and the sentences below it, as text for standard output: with colour only if somebody looks there."""
    out = console()
    with out.capture() as captured:
        if sheet is not None:
            out.print(table_of(sheet))
        for sentence in sentences:
            out.print(styled(sentence.text, sentence.tone))
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def as_json(rows: Any) -> str:
    """Rows for a program; times are ISO 8601 in UTC."""
    return json.dumps(_plain(rows), indent=2, default=_wire)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _wire(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} does not go into JSON")


def bar(done: int, total: int, width: int = 10) -> str:
    """A small bar: ▓▓▓░░░░░░░."""
    filled = round(width * done / total) if total else 0
    return "▓" * filled + "░" * (width - filled)


def told(status: str, reason: str) -> Cell:
    """A condition that should be True."""
    match status:
        case "True":
            return Cell("True", "good")
        case "False":
            return Cell(reason or "False", "bad")
        case "Unknown":
            return Cell(reason or "Unknown", "wait")
        case _:
            return Cell("-", "dim")
