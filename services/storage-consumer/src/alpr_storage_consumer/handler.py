"""The handler of the consumer kit: records in, rows out. From Kafka and from one machine's outbox alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from alpr_kafka.decoding import Decoder, PlainDecoder
from alpr_kafka.errors import Unavailable
from alpr_kafka.handling import Bury, Prepared
from alpr_kafka.metrics import AGE
from alpr_kafka.records import Place, Record
from alpr_schemas import topics
from alpr_storage_consumer import metrics
from alpr_storage_consumer.batches import TimeWindow, Work, glance, prepare
from alpr_storage_consumer.errors import TOO_SLOW
from alpr_storage_consumer.store import Store, Written

_MOSTLY = 0.5
_ANY_DECADE = TimeWindow()


class StorageHandler:
    """Stores events; offsets, fence, ledger and rows move in one transaction."""

    topics: Sequence[str] = (topics.PLATES, topics.VEHICLES, topics.METRICS)
    keeps_offsets = True

    def __init__(self, store: Store, decoder: Decoder, window: TimeWindow = _ANY_DECADE) -> None:
        self._store, self._decoder, self._window = store, decoder, window
        self._one_at_a_time = threading.Lock()
        self._known_share = 0.0

    def prepare(self, records: Sequence[Record]) -> Prepared[Work]:
        """Decode and judge `records`, beside the write of the batch before.

        While most of what comes is known already (a topic is read again), only keys are looked at: the rest follows in
        `write`, for what the database does not hold.
        """
        with metrics.OLD_PROCESSING.time():
            return self._prepare(records)

    def _prepare(self, records: Sequence[Record]) -> Prepared[Work]:
        if self._known_share <= _MOSTLY:
            return prepare(records, self._decoder, self._window)
        work, rest = glance(records)
        prepared = prepare(rest, self._decoder, self._window)
        prepared.work.unread, prepared.records = work.unread, len(records)
        return prepared

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:
        """Fence out earlier owners of `places`; the next offsets of those that were written before."""
        with self._one_at_a_time:
            return self._store.claim(places)

    def write(self, prepared: Prepared[Work], next_offsets: Mapping[Place, int], bury: Bury) -> None:
        """Store the batch, once in effect. Raises Unavailable, Fenced or Misdeployed."""
        self._write(prepared, next_offsets, bury)

    def _write(self, prepared: Prepared[Work], next_offsets: Mapping[Place, int], bury: Bury) -> Written:
        with self._one_at_a_time, _measured():
            if prepared.work.unread:
                prepared = self._read(prepared)
            written = self._store.write(prepared, next_offsets, bury)
            known = prepared.records - written.stored - written.rejected
            self._known_share = known / max(prepared.records, 1)
            found = Written(written.stored, known, written.rejected)
        _count(found, prepared)
        return found

    def _read(self, glanced: Prepared[Work]) -> Prepared[Work]:
        """`glanced` with what the database does not hold decoded."""
        records = self._store.unknown(glanced.work.unread)
        # What showed no key comes along again: prepared in one go, all of a partition stays in its order.
        first = [r for rows in glanced.work.tables.values() for r in rows.records]
        first += [letter.record for letter in glanced.refused]
        prepared = prepare(sorted([*first, *records], key=lambda r: r.offset), self._decoder, self._window)
        prepared.records = glanced.records
        return prepared

    def close(self) -> None:
        """Close the connection."""
        with self._one_at_a_time:
            self._store.close()


class DirectHandler(StorageHandler):
    """Stores what one machine's outbox holds: no Kafka between, dead letters into their table."""

    def __init__(self, dsn: str) -> None:
        # The outbox of a machine may hold clips of any age from 2000 on.
        super().__init__(Store(dsn), PlainDecoder(), TimeWindow(max_age=None))

    def store(self, records: Sequence[Record]) -> Written:
        """Store all of `records` in one transaction; those that can never be stored go to the dead letters within it.

        Raises Unavailable in an outage: then nothing of the batch is stored, and it may come again. Raises Misdeployed
        where the database lacks a migration.
        """
        return self._write(self.prepare(records), {}, self._store.bury)


@contextmanager
def _measured() -> Iterator[None]:
    try:
        with metrics.OLD_INSERT.time():
            yield
    except Unavailable as e:
        metrics.OLD_RETRIES.inc()
        if isinstance(e.__cause__, TOO_SLOW):
            metrics.OLD_TIMEOUTS.inc()
        raise


def _count(written: Written, prepared: Prepared[Work]) -> None:
    metrics.OLD_CONSUMED.inc(prepared.records)
    metrics.OLD_STORED.inc(written.stored)
    metrics.OLD_SKIPPED.inc(written.duplicates)
    metrics.OLD_FAILED.inc(written.rejected)
    metrics.OLD_LETTERS.inc(written.rejected)
    now_ms = time.time() * 1000
    for rows in prepared.work.tables.values():  # the ends of a batch tell enough: a look at each would cost more
        for record in (rows.records[0], rows.records[-1]):
            if record.timestamp_ms:
                AGE.labels("stored").observe(max(0.0, now_ms - record.timestamp_ms) / 1000)
