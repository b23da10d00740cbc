"""How `alpr read` shows what it read: a table for people, JSON lines and CSV for programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO, TypeAlias, assert_never

if TYPE_CHECKING:
    from rich.console import Console

Format: TypeAlias = Literal["table", "jsonl", "csv"]

COLUMNS = ("source", "text", "confidence", "x1", "y1", "x2", "y2", "at_s", "until_s")


@dataclass(frozen=True, slots=True)
class Row:
    """One plate for table and CSV.

    Attributes:
        box: xyxy in pixels of the picture.
        at_s, until_s: when a clip's vehicle was first and last seen, seconds from the start; None in a photo.
    """

    text: str
    confidence: float
    box: tuple[float, float, float, float]
    at_s: float | None = None
    until_s: float | None = None


class Shown(Protocol):
    """What was read from a photo or from one vehicle pass of a clip."""

    @property
    def source(self) -> str:
        """The file."""

    def as_json(self) -> Mapping[str, Any]:
        """The object of its JSON line."""

    def rows(self) -> Sequence[Row]:
        """Its plates."""


class Writer(Protocol):
    """Takes readings as they come. JSON lines and CSV appear at once, the table with `close`."""

    def write(self, reading: Shown) -> None:
        """Take one in."""

    def close(self) -> None:
        """No more will come."""


def open_writer(kind: Format, out: TextIO, console: Console) -> Writer:
    """The writer of `kind`: tables go to `console`, the others to `out`."""
    match kind:
        case "table":
            return TableWriter(console)
        case "jsonl":
            return JsonlWriter(out)
        case "csv":
            return CsvWriter(out)
        case _:
            assert_never(kind)


class JsonlWriter:
    """A JSON object a line, flushed: a reader at the other end of a pipe sees it at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, reading: Shown) -> None:
        """See `Writer`."""
        self._out.write(json.dumps(reading.as_json(), ensure_ascii=False) + "\n")
        self._out.flush()

    def close(self) -> None:
        """See `Writer`."""


class CsvWriter:
    """A line a plate under one header."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._rows = csv.writer(out, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def write(self, reading: Shown) -> None:
        """See `Writer`."""
        for row in reading.rows():
            box = [f"{value:.1f}" for value in row.box]
            self._rows.writerow([reading.source, row.text, f"{row.confidence:.4f}", *box, *_times(row)])
        self._out.flush()

    def close(self) -> None:
        """See `Writer`."""


class TableWriter:
    """One table for people; pictures without a plate get a line too."""

    def __init__(self, console: Console) -> None:
        from rich.table import Table

        self._console = console
        self._table = Table("source", "plate", "confidence", "place in the picture", "time", box=None, pad_edge=False)

    def write(self, reading: Shown) -> None:
        """See `Writer`."""
        from rich.text import Text

        source = Text(reading.source, overflow="fold")
        for row in reading.rows():
            style = "bold green" if row.confidence >= 0.8 else "yellow"
            x1, y1, x2, y2 = (round(value) for value in row.box)
            place = f"{x2 - x1}x{y2 - y1} at {x1},{y1}"
            when = " - ".join(f"{float(time):.1f} s" for time in _times(row) if time)
            self._table.add_row(source, Text(row.text, style), f"{100 * row.confidence:.0f} %", place, when)
        if not reading.rows():
            self._table.add_row(source, Text("no plate", "dim"), "", "", "")

    def close(self) -> None:
        """See `Writer`."""
        if self._table.row_count:
            self._console.print(self._table)


def _times(row: Row) -> list[str]:
    return ["" if time is None else f"{time:.3f}" for time in (row.at_s, row.until_s)]
