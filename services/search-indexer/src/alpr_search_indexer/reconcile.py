"""Database against index: which events of the window the index lacks, and those driven into it.

Counts by (site, camera, hour) are compared first; events only where those differ. While both lack different events of
one cell its counts may be equal: that lasts until the slower of both has caught up, and no longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from alpr_search_indexer import counting
from alpr_search_indexer.database import Cell, Database
from alpr_search_indexer.indices import Month, Names
from alpr_search_indexer.metrics import AHEAD, DRIVEN, LAST_PASS, MISSING
from alpr_search_indexer.rebuild import lines_for
from alpr_search_indexer.search_engine import SearchEngine
from alpr_search_indexer.writer import Work, Writer

log = structlog.get_logger(__name__)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell on which database and index do not agree.

    Attributes:
        missing: events of the database that the index lacks.
        driven: those of them that it has now.
        unstored: documents that the database lacks; it may be behind.
    """

    cell: Cell
    missing: int
    driven: int
    unstored: int


@dataclass
class Report:
    """A comparison. `stored` and `indexed` count the window's events."""

    since: datetime
    until: datetime
    stored: int = 0
    indexed: int = 0
    cells: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Events that the index lacked."""
        return sum(d.missing for d in self.differences)

    @property
    def driven(self) -> int:
        """Events that it has got by this pass."""
        return sum(d.driven for d in self.differences)

    @property
    def unstored(self) -> int:
        """Documents that the database lacks."""
        return sum(d.unstored for d in self.differences)

    @property
    def agrees(self) -> bool:
        """Whether nothing is missing any more."""
        return self.missing == self.driven


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a pass looks at.

    Attributes:
        window: back from now, by capture; hours of older events count too if those were stored within it.
        settle: rows stored, and events captured, since then are still on their way.
        keep: events of months that ended longer ago are in no index.
        drive: events a pass at most.
    """

    window: timedelta = timedelta(hours=24)
    settle: timedelta = timedelta(minutes=2)
    keep: timedelta | None = timedelta(days=90)
    drive: int = 200_000


class Reconciler:
    """One comparison after the other; used by one thread. Raises what its parts raise."""

    def __init__(self, engine: SearchEngine, names: Names, database: Database, writer: Writer, bounds: Bounds) -> None:
        self._engine = engine
        self._names = names
        self._database = database
        self._writer = writer
        self._bounds = bounds

    def compare(self, now: datetime, *, drive: bool) -> Report:
        """Compare once; with `drive`, index what is missing."""
        until = now - self._bounds.settle
        report = Report(_hour(now - self._bounds.window), until)
        budget = self._bounds.drive if drive else 0
        for since, end in self._stretches(report, now):
            stored = self._database.counts(since, end, stored_before=until)
            indexed = counting.counts(self._engine, self._names.prefix, since, end)
            report.stored += sum(stored.values())
            report.indexed += sum(indexed.values())
            report.cells += len(stored.keys() | indexed.keys())
            for cell in sorted(stored.keys() | indexed.keys()):
                if stored.get(cell, 0) != indexed.get(cell, 0):
                    found = self._difference(cell, min(cell.hour + _HOUR, end), indexed.get(cell, 0), until, budget)
                    budget -= found.driven
                    if found.missing or found.unstored:
                        report.differences.append(found)
        _publish(report)
        return report

    def _stretches(self, report: Report, now: datetime) -> Iterable[tuple[datetime, datetime]]:
        """The window, and before it the hours of events that came late."""
        oldest = _oldest(now, self._bounds.keep)
        for hour in self._database.late_hours(report.since, report.since):
            if hour >= oldest:
                yield hour, hour + _HOUR
        yield max(report.since, oldest), report.until

    def _difference(self, cell: Cell, end: datetime, indexed: int, stored_before: datetime, budget: int) -> Difference:
        missing = driven = held = 0
        alias = self._names.written(Month.of(cell.hour))
        for rows in self._database.cell(cell, end, stored_before):
            present = counting.present(self._engine, alias, [str(row[0]) for row in rows])
            absent = [row for row in rows if str(row[0]) not in present]
            held += len(present)
            missing += len(absent)
            work = Work(lines_for(alias, absent[: max(budget - driven, 0)]))
            self._writer.settle(work)
            driven += work.indexed + work.present
            DRIVEN.inc(work.indexed)
        return Difference(cell, missing, driven, max(indexed - held, 0))


def _publish(report: Report) -> None:
    MISSING.set(report.missing - report.driven)
    AHEAD.set(report.unstored)
    LAST_PASS.set_to_current_time()
    told = {"stored": report.stored, "indexed": report.indexed, "missing": report.missing, "driven": report.driven}
    (log.info if not report.missing else log.warning)("reconciled", unstored=report.unstored, **told)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _oldest(now: datetime, keep: timedelta | None) -> datetime:
    """The first moment whose month is kept."""
    return datetime(2000, 1, 1, tzinfo=UTC) if keep is None else Month.of(now - keep).start
