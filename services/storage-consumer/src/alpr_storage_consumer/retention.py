"""Old rows leave: whole months by dropping their partition, the rest of a month row by row, on TimescaleDB by chunks.

What was removed is marked (`retention_marks`), so that the ledger does not take a missing row for a copied agent's.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import structlog
from psycopg import sql

from alpr_storage_consumer import metrics
from alpr_storage_consumer.errors import CannotRetain
from alpr_storage_consumer.migrate import engine_of
from alpr_storage_consumer.partitions import TIME_COLUMN, month_of

log = structlog.get_logger(__name__)
_LOCK_TIMEOUT = "2s"  # dropping waits for readers, and writers wait for the dropping: rather come again
_ROWS_AT_ONCE = 10_000
_MARK = """
INSERT INTO retention_marks AS m (table_name, dropped_before) VALUES (%s, %s)
ON CONFLICT (table_name) DO UPDATE SET dropped_before = greatest(m.dropped_before, excluded.dropped_before)
"""
_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"


def retain(dsn: str, ages: dict[str, timedelta], now: datetime | None = None) -> dict[str, list[str]]:
    """Remove rows older than their table's age; the partitions or chunks that were dropped, by table.

    Raises CannotRetain where a reader holds a table for long: what was removed before stays removed.
    """
    moment = now or datetime.now(UTC)
    try:
        with psycopg.connect(dsn, autocommit=True, options=f"-c lock_timeout={_LOCK_TIMEOUT}") as connection:
            remove = _drop_chunks if engine_of(connection) == "timescale" else _drop_months
            return {table: remove(connection, table, moment - age) for table, age in ages.items()}
    except psycopg.Error as e:
        raise CannotRetain(f"retention: {type(e).__name__} {e.sqlstate or ''}; it is tried again".strip()) from e


def _drop_chunks(connection: psycopg.Connection, table: str, before: datetime) -> list[str]:
    with connection.transaction():
        connection.execute(_MARK, (table, before))
        rows = connection.execute("SELECT drop_chunks(%s::regclass, older_than => %s)", (table, before)).fetchall()
    return _noted(table, [str(name) for (name,) in rows])


def _drop_months(connection: psycopg.Connection, table: str, before: datetime) -> list[str]:
    with connection.transaction():
        connection.execute(_MARK, (table, before))
    dropped = []
    for (name,) in connection.execute(_PARTITIONS, (table,)).fetchall():
        if _ends_before(name, table, before):
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
            dropped.append(name)
    _delete_rest(connection, table, before)
    return _noted(table, dropped)


def _ends_before(name: str, table: str, before: datetime) -> bool:
    """Whether `name` is a month's partition whose last moment lies before `before`."""
    try:
        start = datetime.strptime(name.removeprefix(f"{table}_"), "%Y_%m").replace(tzinfo=UTC)
    except ValueError:  # the default partition
        return False
    return month_of(start)[1] <= before


def _delete_rest(connection: psycopg.Connection, table: str, before: datetime) -> None:
    """Rows of a month that is not over, and of the default partition: a few at a time, so that nobody waits long."""
    statement = sql.SQL(
        "DELETE FROM {table} WHERE {at} < %s AND ({id}, {at}) IN"
        " (SELECT {id}, {at} FROM {table} WHERE {at} < %s LIMIT {limit})"
    ).format(
        table=sql.Identifier(table), at=sql.Identifier(TIME_COLUMN[table]), limit=sql.Literal(_ROWS_AT_ONCE),
        id=sql.Identifier("metric_id" if table == "metric_events" else "event_id"),
    )  # fmt: skip
    while connection.execute(statement, (before, before)).rowcount == _ROWS_AT_ONCE:
        pass


def _noted(table: str, dropped: list[str]) -> list[str]:
    if dropped:
        metrics.RETAINED.labels(table).inc(len(dropped))
        log.info("old_rows_dropped", table=table, parts=len(dropped))
    return dropped
