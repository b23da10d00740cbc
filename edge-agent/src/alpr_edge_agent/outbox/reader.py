"""The deleting side of the outbox: the agent's. Rows leave only when somebody else has them durably."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpr_edge_agent.errors import OutboxUnavailable
from alpr_edge_agent.outbox import SpooledImage
from alpr_edge_agent.outbox.schema import connect, unavailable
from alpr_edge_agent.outbox.writer_schema import WriterSchema, first_schema


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that waits for delivery; `id` orders rows by their insertion, `schema` is what wrote its payload."""

    id: int
    topic: str
    key: str
    payload: bytes
    traceparent: str | None
    created_ms: int
    schema: WriterSchema


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Events that were dropped because the box was full: numbers `first_seq` to `last_seq` of a boot's topic."""

    id: int
    boot_id: str
    topic: str
    first_seq: int
    last_seq: int
    reason: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: counts, bytes of events and pictures together, and when the event that waits longest was put in.

    Attributes:
        sent: events that were ever acknowledged.
        dropped: events that were ever dropped because the box was full.
        lost_images: pictures that were ever dropped for want of room, by kind.
    """

    events: int
    images: int
    size_bytes: int
    oldest_ms: int | None
    sent: int = 0
    dropped: int = 0
    lost_images: Mapping[str, int] = field(default_factory=dict)


class OutboxReader:
    """Peeks and deletes; one agent at a time. All methods raise OutboxUnavailable where the disk fails."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._version = -1
        self._schemas: dict[str, WriterSchema] = {}

    def changed(self) -> bool:
        """Whether another connection has committed since the last call: cheap enough to ask fifty times a second."""
        version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
        changed, self._version = version != self._version, version
        return changed

    def peek(self, limit: int) -> list[OutboxRow]:
        """The oldest rows, in order; they stay."""
        rows = self._query(
            "SELECT id, topic, key, payload, traceparent, created_ms, schema FROM outbox ORDER BY id LIMIT ?", (limit,)
        )
        return [
            OutboxRow(row, topic, key, payload, trace, created_ms, self._writer(topic, mark))
            for row, topic, key, payload, trace, created_ms, mark in rows
        ]

    def delete(self, rows: Sequence[OutboxRow]) -> None:
        """Take out rows that were acknowledged."""
        self._delete("DELETE FROM outbox WHERE id = ?", [(row.id,) for row in rows], counted_as="sent")

    def images(self, limit: int) -> list[SpooledImage]:
        """Pictures that wait for their upload: plates, the oldest first, then frames, the newest first."""
        what = "SELECT key, event_id, kind, path, sha256, bytes FROM images WHERE kind"
        rows = self._query(f"{what} = 'plate' ORDER BY id LIMIT ?", (limit,))
        rows += self._query(f"{what} = 'frame' ORDER BY id DESC LIMIT ?", (limit - len(rows),))
        return [
            SpooledImage(key, event, kind, Path(path), digest, size) for key, event, kind, path, digest, size in rows
        ]

    def delete_image(self, image: SpooledImage) -> None:
        """Take out a picture that the object store has, and its spool file."""
        self._delete("DELETE FROM images WHERE key = ?", [(image.key,)])
        image.path.unlink(missing_ok=True)

    def tombstones(self) -> list[Tombstone]:
        """Losses that were not told yet."""
        return [Tombstone(*row) for row in self._query("SELECT * FROM tombstones ORDER BY id", ())]

    def delete_tombstones(self, told: Sequence[Tombstone]) -> None:
        """Take out losses that were told; one that grew since stays."""
        self._delete("DELETE FROM tombstones WHERE id = ? AND last_seq = ?", [(t.id, t.last_seq) for t in told])

    def backlog(self) -> Backlog:
        """What waits now, and what went; it costs the same however much that is."""
        return _asked(self._db)

    def close(self) -> None:
        """Close the connection; what waits, waits on."""
        self._db.close()

    def _writer(self, topic: str, fingerprint: str | None) -> WriterSchema:
        if fingerprint is None:
            return first_schema(topic)
        known = self._schemas.get(fingerprint)
        if known is None:
            (found,) = self._query("SELECT definition FROM schemas WHERE fingerprint = ?", (fingerprint,))
            known = self._schemas[fingerprint] = WriterSchema(fingerprint, str(found[0]))
        return known

    def _query(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as e:
            raise unavailable(e) from e

    def _delete(self, sql: str, values: list[tuple[object, ...]], counted_as: str | None = None) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            gone = self._db.executemany(sql, values).rowcount
            if counted_as is not None:
                self._db.execute(f"UPDATE counts SET {counted_as} = {counted_as} + ?", (gone,))  # noqa: S608 - our name
            self._db.execute("COMMIT")
        except sqlite3.Error as e:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise unavailable(e) from e


def look(path: Path) -> Backlog | None:
    """What waits in the outbox at `path`, which is left as it is; None where none can be read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            return _asked(connection)
    except (sqlite3.Error, OutboxUnavailable):
        return None


def _asked(connection: sqlite3.Connection) -> Backlog:
    try:
        events, images, size, sent, dropped = connection.execute(
            "SELECT events, images, events_bytes + images_bytes, sent, dropped FROM counts"
        ).fetchone()
        first = connection.execute("SELECT created_ms FROM outbox ORDER BY id LIMIT 1").fetchone()
        lost = dict(connection.execute("SELECT kind, count FROM lost_images").fetchall())
    except sqlite3.Error as e:
        raise unavailable(e) from e
    return Backlog(events, images, size, first[0] if first else None, sent, dropped, lost)
