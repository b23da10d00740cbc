"""The only file through which the consumer talks to PostgreSQL: letters and offsets move in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import psycopg

from alpr_dlq_consumer.letter import Letter, encoded_headers
from alpr_dlq_consumer.replay import MAX_TRIPS
from alpr_kafka.database import translated
from alpr_kafka.failpoints import reach
from alpr_kafka.offsets import Offsets
from alpr_kafka.records import Place

_INSERT = """
INSERT INTO dead_letters (dlq_id, form, topic, payload, consumer, kind, reason, fingerprint, original_partition,
    original_offset, original_key, headers, metadata, traceparent, first_failed_at, attempts, state)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (dlq_id) DO NOTHING
"""


class Store:
    """Keeps letters for `group`; one connection, opened when it is needed, used by one thread at a time."""

    def __init__(self, dsn: str, group: str) -> None:
        self._dsn = dsn
        self._offsets = Offsets(group)
        self._connection: psycopg.Connection | None = None

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:
        """Fence earlier owners out; the next offset of each place that has one. Raises Unavailable, Misdeployed."""
        self._offsets.forget()
        with self._transaction() as connection:
            return self._offsets.claim(connection, places)

    def write(
        self, letters: Sequence[Letter], following: Mapping[Place, int], before_commit: Callable[[], None]
    ) -> list[Letter]:
        """Keep `letters`, each once; those that are new. Raises Unavailable, Fenced, Misdeployed."""
        with self._transaction() as connection:
            new = [letter for letter in letters if connection.execute(_INSERT, _row(letter)).rowcount]
            reach("after_insert")
            self._offsets.advance(connection, following)
            before_commit()
        self._offsets.committed(following)
        reach("after_commit")
        return new

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        try:
            connection = self._connected()
            with connection.transaction():
                yield connection
        except psycopg.Error as e:
            self.close()
            raise translated(e) from None  # its own text may quote a letter

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._dsn, connect_timeout=5, autocommit=True)
            self._offsets.check(self._connection)
        return self._connection


def _row(letter: Letter) -> tuple[object, ...]:
    return (
        letter.dlq_id, str(letter.form), letter.topic, letter.payload, letter.consumer, letter.kind, letter.reason,
        letter.fingerprint, letter.partition, letter.offset, letter.key, json.dumps(encoded_headers(letter.headers)),
        json.dumps(dict(letter.metadata)), letter.traceparent, letter.first_failed_at, letter.attempts,
        "parked" if letter.attempts >= MAX_TRIPS else "new",
    )  # fmt: skip
