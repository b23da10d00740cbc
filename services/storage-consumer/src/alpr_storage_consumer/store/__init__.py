"""The only package that talks to PostgreSQL: a batch is one transaction, a replay of it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import structlog

from alpr_kafka.errors import Fenced
from alpr_kafka.failpoints import reach
from alpr_kafka.handling import Bury, Prepared
from alpr_kafka.letters import fingerprint
from alpr_kafka.offsets import Offsets
from alpr_kafka.records import Place, Record, Refused
from alpr_storage_consumer import metrics
from alpr_storage_consumer.batches import Work
from alpr_storage_consumer.errors import TOO_SLOW, translated
from alpr_storage_consumer.ledger import Boots, judge
from alpr_storage_consumer.migrate import Engine, engine_of
from alpr_storage_consumer.partitions import Partitions
from alpr_storage_consumer.store import numbers
from alpr_storage_consumer.store.inserting import Inserter, absent, make_staging

log = structlog.get_logger(__name__)
_GROUP = "alpr-storage-consumer"
_BURY = (
    "INSERT INTO dead_letters (topic, payload, reason, kind, fingerprint) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_FEED_LOCK = 0x66656564  # "feed": held by whoever writes rows, so that feed ids rise in the order of commits


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch."""

    stored: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the server may take before a batch is given up and tried again, seconds."""

    connect_s: int = 5
    lock_s: float = 5.0
    statement_s: float = 60.0


class Store:
    """Writes batches; one connection, opened when it is needed, used by one thread at a time."""

    def __init__(self, dsn: str, group: str = _GROUP, patience: Patience = Patience()) -> None:
        self._dsn, self._patience = dsn, patience
        self._offsets = Offsets(group)
        self._boots = Boots()
        self._connection: psycopg.Connection | None = None
        self._partitions, self._inserter = Partitions(), Inserter()
        self._engine: Engine = "postgres"

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:
        """Fence out earlier owners of `places`; their next offsets, where there are any. Raises Unavailable."""
        self._offsets.forget()
        with self._transaction() as connection:
            self._boots.forget()
            return self._offsets.claim(connection, places)

    def write(self, prepared: Prepared[Work], following: Mapping[Place, int], bury: Bury) -> Written:
        """Store a batch and move to the offsets `following`, in one transaction; `bury` comes last before its commit.

        Raises Unavailable (nothing of the batch is stored; it may come again), Fenced or Misdeployed.
        """
        with self._transaction() as connection:
            written, refused = self._write(connection, prepared)
            self._offsets.advance(connection, following)
            if refused:
                reach("before_bury")
                bury(refused)
                reach("after_bury")
            if written.stored:
                connection.execute("SELECT pg_notify('alpr_events', '')")
        self._offsets.committed(following)
        reach("after_commit")
        return written

    def unknown(self, unread: Mapping[str, Sequence[tuple[bytes, Record]]]) -> list[Record]:
        """Those of `unread` (by table, with their keys' fields) that the tables do not hold. Raises Unavailable."""
        found: list[Record] = []
        with self._transaction() as connection:
            for table, pairs in unread.items():
                missing = absent(connection, table, [key for key, _ in pairs], kept=False)
                found += [pairs[n][1] for n in missing]
                metrics.ROWS.labels(table, "duplicate").inc(len(pairs) - len(missing))
        return found

    def bury(self, refused: Sequence[Refused]) -> None:
        """Where there is no Kafka: dead letters into their table, within the transaction that writes."""
        with self._connected().cursor() as cursor:
            cursor.executemany(_BURY, [(r.record.topic, r.record.value, r.reason, r.kind, _mark(r)) for r in refused])

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        try:
            connection = self._connected()
            with connection.transaction():
                yield connection
            self._partitions.committed()
        except BaseException as e:
            self._boots.forget()
            self._partitions.rolled_back()
            if isinstance(e, psycopg.Error):
                self.close()
                raise translated(e) from e if isinstance(e, TOO_SLOW) else None  # others may quote a row
            if not isinstance(e, Fenced):
                self.close()
            raise

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _open(self) -> psycopg.Connection:
        patience = self._patience
        told = {
            "lock_timeout": patience.lock_s,
            "statement_timeout": patience.statement_s,
            # A writer that was stopped amid its transaction would keep its locks, and its successor waiting.
            "idle_in_transaction_session_timeout": patience.statement_s,
        }
        options = " ".join(f"-c {name}={seconds}s" for name, seconds in told.items())
        connection = psycopg.connect(
            self._dsn, connect_timeout=patience.connect_s, autocommit=True, options=options,
            application_name="alpr-storage-consumer", tcp_user_timeout=int(patience.statement_s * 1000),
        )  # fmt: skip
        try:
            self._engine = engine_of(connection)
            make_staging(connection)
            self._offsets.check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _write(self, connection: psycopg.Connection, prepared: Prepared[Work]) -> tuple[Written, list[Refused]]:
        work, groups = prepared.work, list(prepared.work.groups.values())
        # First of all locks: then no two writers can wait for each other.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_FEED_LOCK,))
        before = numbers.overlaps(connection, groups)
        numbers.read_boots(connection, (g.home for g in groups if g.home is not None), self._boots)
        judged = judge(groups, before, self._boots)
        reach("before_copy")
        if self._engine == "postgres":
            self._partitions.ensure(connection, {rows.table: rows.at_us for rows in work.tables.values()})
        stored, bad = self._inserter.write_tables(connection, work, judged)
        reach("after_insert")
        numbers.note_boots(connection, judged.boots)
        numbers.add(connection, work, {topic: set(found) for topic, found in bad.items()}, before)
        refused = [*prepared.refused, *(letter for found in bad.values() for letter in found.values())]
        return Written(stored, work.rows - stored - sum(map(len, bad.values())), len(refused)), refused


def _mark(letter: Refused) -> str:
    return fingerprint(_GROUP, letter.kind, letter.reason)
