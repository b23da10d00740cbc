"""Rows into a table, none twice, halving where the database refuses one.

Rows whose numbers the ledger does not hold are new, but for an agent that made the same event twice: they go by COPY
into the table itself. Where that meets the unique key, and where nobody numbers the rows, they go by COPY into a
staging table and INSERT … ON CONFLICT DO NOTHING.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from struct import Struct

import psycopg
import structlog
from psycopg import sql

from alpr_kafka.records import DeadLetterKind, Refused
from alpr_storage_consumer import binary_copy, metrics
from alpr_storage_consumer.batches import TableRows, Work
from alpr_storage_consumer.errors import POISON
from alpr_storage_consumer.ledger import Judged
from alpr_storage_consumer.rows import COLUMNS

log = structlog.get_logger(__name__)
_COPIED = "cloned agent id: a later boot of this agent was seen in this partition before"
_AGAIN = "cloned agent id: its number came before with another event, or that event was erased since"
_CAREFUL_BATCHES = 50  # a failed COPY leaves dead rows behind: after one, duplicates are expected for a while
_KEY_LINE = Struct(">hii").pack
_KEY = slice(2, 34)  # of a line: after the number of fields, the id's field and the time's
_ABSENT = sql.SQL(
    "SELECT n FROM staging_keys AS s WHERE at >= coalesce({since}, '-infinity')"
    " AND (SELECT true FROM {table} WHERE {id} = s.id AND {at} = s.at) IS NULL ORDER BY n"
)
_EVER = sql.SQL("NULL::timestamptz")
_KEPT = sql.SQL("(SELECT dropped_before FROM retention_marks WHERE table_name = {})")


@dataclass(slots=True)
class Inserted:
    """What became of rows: how many are new, and which the database refuses, with its SQLSTATE."""

    stored: int = 0
    refused: dict[int, str] = field(default_factory=dict)


def make_staging(connection: psycopg.Connection) -> None:
    """The session's staging tables; their columns have the limits of the tables' own."""
    for table, columns in COLUMNS.items():
        statement = sql.SQL("CREATE TEMP TABLE {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA")
        connection.execute(statement.format(_staging(table), _names(columns), sql.Identifier(table)))
    connection.execute("CREATE TEMP TABLE staging_keys (n integer, id uuid, at timestamptz) ON COMMIT DELETE ROWS")


class Inserter:
    """Puts batches into the tables; it remembers whether ids came twice lately."""

    def __init__(self) -> None:
        self._careful = 0

    def write_tables(
        self, connection: psycopg.Connection, work: Work, judged: Judged
    ) -> tuple[int, dict[str, dict[int, Refused]]]:
        """Insert the rows of `work`: how many are new, and the refused ones by topic and row."""
        stored, bad = 0, {}
        self._careful = max(0, self._careful - 1)
        for topic, rows in work.tables.items():
            new, bad[topic] = self._write_table(connection, topic, rows, judged)
            stored += new
        return stored, bad

    def _write_table(
        self, connection: psycopg.Connection, topic: str, rows: TableRows, judged: Judged
    ) -> tuple[int, dict[int, Refused]]:
        copies, again = judged.copies.get(topic, set()), judged.again.get(topic, set())
        chosen = [n for n in range(len(rows.lines)) if n not in copies and n not in again]
        inserted = Inserted()
        self._insert_part(connection, rows, chosen, inserted)
        reasons = {n: (DeadLetterKind.PROCESSING_FAILURE, reason, True) for n, reason in inserted.refused.items()}
        # A clone's events are a node's fault, however many there are: what all others send goes on being stored.
        reasons |= dict.fromkeys(copies, (DeadLetterKind.BUSINESS_LOGIC, _COPIED, False))
        reasons |= dict.fromkeys(_absent_again(connection, rows, again), (DeadLetterKind.BUSINESS_LOGIC, _AGAIN, False))
        _count(rows, inserted.stored, len(reasons), len(reasons) - len(inserted.refused))
        return inserted.stored, {n: Refused(rows.records[n], *why) for n, why in sorted(reasons.items())}

    def _insert_part(
        self, connection: psycopg.Connection, rows: TableRows, part: Sequence[int], found: Inserted
    ) -> None:
        """Insert the `part` of `rows`, or halve until those that the database refuses stand alone.

        One bad row in n costs at most 2·log2(n) further attempts.
        """
        if not part:
            return
        lines = rows.lines if len(part) == len(rows.lines) else [rows.lines[n] for n in part]
        try:
            found.stored += self._insert(connection, rows, lines)
        except POISON as e:
            if len(part) > 1:
                metrics.BISECTS.inc()
                middle = len(part) // 2
                self._insert_part(connection, rows, part[:middle], found)
                self._insert_part(connection, rows, part[middle:], found)
            else:
                found.refused[part[0]] = f"{type(e).__name__} {e.sqlstate}"
                log.warning("record_refused", table=rows.table, sqlstate=e.sqlstate)

    def _insert(self, connection: psycopg.Connection, rows: TableRows, lines: Sequence[bytes]) -> int:
        """Straight into the table while no id comes twice: then nothing needs a staging table and its second pass."""
        if rows.numbered == len(rows.lines) and not self._careful:
            try:
                return _insert_new(connection, rows.table, lines)
            except psycopg.errors.UniqueViolation:
                self._careful = _CAREFUL_BATCHES
        return _insert_unknown(connection, rows.table, lines)


def _insert_new(connection: psycopg.Connection, table: str, lines: Sequence[bytes]) -> int:
    target = sql.SQL("{} ({})").format(sql.Identifier(table), _names(COLUMNS[table]))
    with connection.transaction():
        _copy(connection, target, lines)
    return len(lines)


def _insert_unknown(connection: psycopg.Connection, table: str, lines: Sequence[bytes]) -> int:
    staging, names = _staging(table), _names(COLUMNS[table])
    with connection.transaction():
        connection.execute(sql.SQL("DELETE FROM {}").format(staging))  # what another part of a halved batch left
        _copy(connection, staging, lines)
        statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING")
        return connection.execute(statement.format(sql.Identifier(table), names, names, staging)).rowcount


def _count(rows: TableRows, stored: int, refused: int, copies: int) -> None:
    metrics.COPIES.inc(copies)
    metrics.ROWS.labels(rows.table, "stored").inc(stored)
    metrics.ROWS.labels(rows.table, "refused").inc(refused)
    metrics.ROWS.labels(rows.table, "duplicate").inc(len(rows.lines) - stored - refused)


def _absent_again(connection: psycopg.Connection, rows: TableRows, again: Iterable[int]) -> set[int]:
    ordered = sorted(again)
    missing = absent(connection, rows.table, [rows.lines[n][_KEY] for n in ordered], kept=True)
    return {ordered[n] for n in missing}


def absent(connection: psycopg.Connection, table: str, keys: Sequence[bytes], *, kept: bool) -> list[int]:
    """Which of `keys` (fields of id and time) do not lie in `table`; with `kept`, of the times that retention keeps."""
    if not keys:
        return []
    connection.execute("DELETE FROM staging_keys")
    _copy(connection, sql.Identifier("staging_keys"), (_KEY_LINE(3, 4, n) + key for n, key in enumerate(keys)))
    key, at = COLUMNS[table][:2]
    query = _ABSENT.format(
        since=_KEPT.format(sql.Literal(table)) if kept else _EVER,
        table=sql.Identifier(table), id=sql.Identifier(key), at=sql.Identifier(at),
    )  # fmt: skip
    return [n for (n,) in connection.execute(query)]


def _copy(connection: psycopg.Connection, table: sql.Composable, lines: Iterable[bytes]) -> None:
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(binary_copy.SIGNATURE + b"".join(lines) + binary_copy.TRAILER)


def _staging(table: str) -> sql.Identifier:
    return sql.Identifier(f"staging_{table}")


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
