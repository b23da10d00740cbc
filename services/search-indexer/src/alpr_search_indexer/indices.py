"""Names: `alpr-events` to read, `alpr-events-2026.11` to write, `alpr-events-2026.11-g1` what both stand for. Pure.

A month is named by when an event was captured, never by now: a replay in another month finds the same index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> Month:
        """The month of the aware `moment`."""
        moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    @property
    def start(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment of the next one."""
        return self.next().start

    def next(self) -> Month:
        """The month after."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}.{self.month:02d}"


@dataclass(frozen=True, slots=True)
class Names:
    """Every name below `prefix`.

    Attributes:
        prefix: also the alias that readers ask.
    """

    prefix: str = "alpr-events"

    def written(self, month: Month) -> str:
        """The alias that writers use for `month`."""
        return f"{self.prefix}-{month}"

    def generation(self, month: Month, number: int) -> str:
        """The index itself; a rebuild makes the next number."""
        return f"{self.prefix}-{month}-g{number}"

    @property
    def pattern(self) -> str:
        """What the template matches."""
        return f"{self.prefix}-*"

    def read(self, index: str) -> tuple[Month, int] | None:
        """The month and generation of an index's name (0 for an index of the old system); None for others' names."""
        found = re.fullmatch(rf"{re.escape(self.prefix)}-(\d{{4}})\.(0[1-9]|1[0-2])(?:-g([1-9]\d*))?", index)
        return (Month(int(found[1]), int(found[2])), int(found[3] or 0)) if found else None

    def next_generation(self, month: Month, indices: Iterable[str]) -> int:
        """One more than any generation of `month` among `indices`."""
        return 1 + max((g for m, g in filter(None, map(self.read, indices)) if m == month), default=0)


def months(since: datetime, until: datetime) -> Iterator[Month]:
    """All months that touch [since, until), oldest first."""
    month = Month.of(since)
    while month.start < until:
        yield month
        month = month.next()


def expired(names: Names, indices: Iterable[str], now: datetime, keep: timedelta) -> list[str]:
    """Those of `indices` whose month ended longer than `keep` ago, sorted."""
    read = ((index, names.read(index)) for index in indices)
    return sorted(index for index, found in read if found is not None and found[0].end + keep <= now)
