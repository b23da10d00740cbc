"""Monthly partitions, made when the first row of a month comes; what has no month of its own lies in `_other`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from psycopg import sql

from alpr_storage_consumer.binary_copy import EPOCH

FIRST_YEAR, LAST_YEAR = 2000, 2099
TIME_COLUMN: Final = {
    "plate_events": "captured_at", "vehicle_events": "captured_at", "metric_events": "measured_at",
}  # fmt: skip
"""The tables that have partitions, and what by."""

_DAY_US = 86_400_000_000


class Partitions:
    """Makes the months that rows need; each day is looked at once, and again after a roll-back."""

    def __init__(self) -> None:
        self._known: set[tuple[str, int]] = set()
        self._made: set[tuple[str, int]] = set()

    def ensure(self, connection: psycopg.Connection, times_us: Mapping[str, Sequence[int]]) -> None:
        """Make what is missing for rows at `times_us` (by table, since 2000); the caller holds the writers' lock."""
        for table, times in times_us.items():
            days = {(table, at_us // _DAY_US) for at_us in times} - self._known - self._made
            if days:
                ensure_partitions(connection, table, [EPOCH + timedelta(days=day) for _, day in days])
                self._made |= days

    def committed(self) -> None:
        """What was made stays."""
        self._known |= self._made
        self._made = set()

    def rolled_back(self) -> None:
        """What was made is gone; what was known may be, with another database in the first one's place."""
        self._known, self._made = set(), set()


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The first moments of the month of `moment` and of the next one, UTC."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    year, month = divmod(start.year * 12 + start.month, 12)
    return start, start.replace(year=year, month=month + 1)


def ensure_partitions(connection: psycopg.Connection, table: str, moments: Iterable[datetime]) -> None:
    """Make the partitions of `table` that `moments` need; the caller holds the writers' lock.

    Years before 2000 and after 2099 are a clock's error: they stay in the default partition. So does a month of which
    the default partition holds rows already.
    """
    wanted = {month_of(m) for m in moments if FIRST_YEAR <= m.year <= LAST_YEAR}
    for start, end in sorted(wanted):
        name = f"{table}_{start:%Y_%m}"
        if connection.execute("SELECT to_regclass(%s)", (name,)).fetchone() != (None,):
            continue
        if not _in_default(connection, table, start, end):
            _create(connection, table, name, start, end)


def _in_default(connection: psycopg.Connection, table: str, start: datetime, end: datetime) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {at} >= %s AND {at} < %s LIMIT 1").format(
        sql.Identifier(f"{table}_other"), at=sql.Identifier(TIME_COLUMN[table])
    )
    return connection.execute(query, (start, end)).fetchone() is not None


def _create(connection: psycopg.Connection, table: str, name: str, start: datetime, end: datetime) -> None:
    statement = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
        sql.Identifier(name), sql.Identifier(table), sql.Literal(start.isoformat()), sql.Literal(end.isoformat())
    )
    connection.execute(statement)
