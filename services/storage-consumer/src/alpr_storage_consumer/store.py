"""The only file that talks to PostgreSQL: a batch is one transaction, a replay of it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg import sql

from alpr_storage_consumer.errors import Unavailable
from alpr_storage_consumer.handler import COLUMNS, Prepared, Record, Rejected, prepare
from alpr_storage_consumer.partitions import ensure_partitions

log = structlog.get_logger(__name__)
_FEED_LOCK = 0x66656564  # "feed": held by whoever writes rows, so that feed ids rise in the order of commits


# A row that breaks a limit of the server is an OperationalError to the client, and yet the row's own fault.
_POISON = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch."""

    stored: int
    duplicates: int
    rejected: int


class Store:
    """Writes events; one connection, opened when it is needed, used by one thread."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection | None = None

    def write(self, records: Sequence[Record]) -> Written:
        """Store all of `records` in one transaction; those that can never be stored go to the dead letters within it.

        Raises Unavailable in an outage: then nothing of the batch is stored, and it may come again.
        """
        batch = prepare(records)
        try:
            connection = self._connected()
            with connection.transaction():
                return _write(connection, batch.rows, batch.rejected)
        except psycopg.Error as e:
            self.close()
            if _is_outage(e):
                raise Unavailable(f"database: {type(e).__name__} {e.sqlstate or ''}".strip()) from e
            raise

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._dsn, connect_timeout=5, autocommit=True)
        return self._connection


def _is_outage(error: psycopg.Error) -> bool:
    """Connection, deadlock, resources, operator's hand, system (PostgreSQL's appendix A): another try may succeed."""
    state = error.sqlstate or ""
    return isinstance(error, psycopg.OperationalError) or state[:2] in {"08", "40", "53", "55", "57", "58"}


def _write(connection: psycopg.Connection, rows: list[Prepared], rejected: list[Rejected]) -> Written:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_FEED_LOCK,))
    _make_partitions(connection, rows)
    stored, poison = _insert_or_bisect(connection, rows)
    rejected = [*rejected, *poison]
    _bury(connection, rejected)
    if stored:
        connection.execute("SELECT pg_notify('alpr_events', '')")
    return Written(stored, len(rows) - len(poison) - stored, len(rejected))


def _make_partitions(connection: psycopg.Connection, rows: Sequence[Prepared]) -> None:
    moments: dict[str, list[datetime]] = {}
    for prepared in rows:
        if prepared.table != "metric_events":
            moments.setdefault(prepared.table, []).append(prepared.row[1])
    for table, captured in moments.items():
        ensure_partitions(connection, table, captured)


def _insert_or_bisect(connection: psycopg.Connection, rows: list[Prepared]) -> tuple[int, list[Rejected]]:
    """Insert all, or halve until the rows that the database refuses stand alone: (stored, refused)."""
    if not rows:
        return 0, []
    try:
        with connection.transaction():
            return _insert(connection, rows), []
    except _POISON as e:
        if len(rows) == 1:
            log.warning("record_rejected", topic=rows[0].record.topic, sqlstate=e.sqlstate)
            return 0, [Rejected(rows[0].record, f"{type(e).__name__} {e.sqlstate}")]
    middle = len(rows) // 2
    first, first_poison = _insert_or_bisect(connection, rows[:middle])
    second, second_poison = _insert_or_bisect(connection, rows[middle:])
    return first + second, first_poison + second_poison


def _insert(connection: psycopg.Connection, rows: Sequence[Prepared]) -> int:
    stored = 0
    for table in Counter(prepared.table for prepared in rows):
        stored += _insert_into(connection, table, [p.row for p in rows if p.table == table])
    return stored


def _insert_into(connection: psycopg.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table]))
    staging, target = sql.Identifier(f"staging_{table}"), sql.Identifier(table)
    connection.execute(
        sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA").format(
            staging, names, target
        )
    )
    connection.execute(sql.SQL("DELETE FROM {}").format(staging))  # what another part of a bisected batch left
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(staging, names)) as copy,
    ):
        for row in rows:
            copy.write_row(row)
    return connection.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING").format(target, names, names, staging)
    ).rowcount


def _bury(connection: psycopg.Connection, rejected: Sequence[Rejected]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO dead_letters (topic, payload, reason) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(r.record.topic, r.record.payload, r.reason) for r in rejected],
        )
