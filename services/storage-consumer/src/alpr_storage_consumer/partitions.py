"""Monthly partitions, made when the first row of a month comes; what has no month of its own lies in `_other`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg
from psycopg import sql

FIRST_YEAR, LAST_YEAR = 2000, 2099


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
    query = sql.SQL("SELECT 1 FROM {} WHERE captured_at >= %s AND captured_at < %s LIMIT 1")
    row = connection.execute(query.format(sql.Identifier(f"{table}_other")), (start, end)).fetchone()
    return row is not None


def _create(connection: psycopg.Connection, table: str, name: str, start: datetime, end: datetime) -> None:
    statement = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})").format(
        sql.Identifier(name), sql.Identifier(table), sql.Literal(start.isoformat()), sql.Literal(end.isoformat())
    )
    connection.execute(statement)
