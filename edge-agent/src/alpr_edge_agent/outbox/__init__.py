"""The outbox: what the pipeline has seen and nobody has acknowledged yet, in SQLite, durable before `put` returns.

The pipeline inserts (`Outbox`), the agent deletes (`alpr_edge_agent.outbox.reader`). Every event is numbered within its
agent, boot and topic, without gaps, in the transaction that stores it: whoever counts can say which one is missing.
When the box is full the order of what goes is: frames, plate crops, the oldest vehicle events, the oldest plate events;
each loss of an event leaves a tombstone, which travels as a `MetricEvent` of type CUSTOM.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from alpr_edge_agent.errors import OutboxUnavailable
from alpr_edge_agent.outbox.schema import connect, now_ms, unavailable
from alpr_edge_agent.outbox.writer_schema import TOPICS, our_schema
from alpr_kafka.failpoints import reach
from alpr_schemas import codec, topics
from alpr_schemas.events import PlateEvent, VehicleEvent

FRAMES_STOP_AT = 0.90
CROPS_STOP_AT = 0.95
_DROP_ORDER = (topics.VEHICLES, topics.PLATES)


@dataclass(frozen=True, slots=True)
class SpooledImage:
    """A picture that lies fsynced in the spool and waits for its upload.

    Attributes:
        key: its name in the object store.
        kind: plate | frame.
        path: the spool file.
    """

    key: str
    event_id: str
    kind: str
    path: Path
    sha256: str
    size_bytes: int


@dataclass(slots=True)
class _Entry:
    events: Sequence[PlateEvent | VehicleEvent]
    images: Sequence[SpooledImage]
    traceparent: str | None
    done: bool = False
    error: OutboxUnavailable | None = field(default=None)


class Outbox:
    """The inserting side; one process at a time, any of its threads.

    Attributes:
        boot_id: minted at each open; sequences begin at 1 with it.
        resumed: the process before this one did not close the box.
    """

    def __init__(self, connection: sqlite3.Connection, agent_id: str, max_bytes: int) -> None:
        self._db = connection
        self._agent_id = agent_id
        self._max_bytes = max_bytes
        self._at_most_bytes = max_bytes  # what the box holds, or more; looked up before anything is dropped
        self._waiting: deque[_Entry] = deque()
        self._leader = threading.Lock()
        self.boot_id = str(uuid4())
        with self._transaction():
            row = self._db.execute("SELECT value FROM meta WHERE key = 'clean'").fetchone()
            self.resumed = row is not None and row[0] == "0"
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('clean', '0')")
            for schema in map(our_schema, TOPICS):
                self._db.execute("INSERT OR IGNORE INTO schemas VALUES (?, ?)", (schema.fingerprint, schema.text))

    @classmethod
    def open(cls, path: Path, *, agent_id: str, max_bytes: int) -> Outbox:
        """Open or make the box at `path`; `max_bytes` bounds events and pictures together.

        A damaged box is moved aside and a new one begun. Raises OutboxUnavailable where the disk gives none.
        """
        return cls(connect(path), agent_id, max_bytes)

    def put(
        self,
        events: Sequence[PlateEvent | VehicleEvent],
        images: Sequence[SpooledImage] = (),
        traceparent: str | None = None,
    ) -> None:
        """Store events with their pictures; on return they are durable. Blocks for one commit, two at most.

        Commits at once; what other threads bring meanwhile is the next commit's group. An event that the box holds
        already is left as it is. Raises OutboxUnavailable; then nothing of this call is stored.
        """
        entry = _Entry(events, images, traceparent)
        self._waiting.append(entry)
        with self._leader:
            if not entry.done:
                self._commit_group()
        if entry.error is not None:
            raise entry.error

    def close(self) -> None:
        """Close cleanly: the next process will know that nothing was cut off."""
        with self._leader:
            with self._transaction():
                self._db.execute("INSERT OR REPLACE INTO meta VALUES ('clean', '1')")
            self._db.close()

    def _commit_group(self) -> None:
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]
        error = None
        try:
            with self._transaction():
                for entry in group:
                    self._insert(entry)
                reach("before_outbox_commit")
            reach("after_outbox_commit")
        except OutboxUnavailable as e:
            error = e
        for entry in group:
            entry.error, entry.done = error, True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as e:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise unavailable(e) from e

    def _insert(self, entry: _Entry) -> None:
        for event in entry.events:
            self._insert_event(event, entry.traceparent)
        for image in entry.images:
            self._insert_image(image)

    def _insert_event(self, event: PlateEvent | VehicleEvent, traceparent: str | None) -> None:
        key = UUID(event.event_id).bytes
        if self._db.execute("SELECT 1 FROM outbox WHERE event_id = ?", (key,)).fetchone():
            return
        topic = codec.topic_of(event)
        seq = self._next_seq(topic)
        numbered = event.model_copy(update={"agent_id": self._agent_id, "boot_id": self.boot_id, "seq": seq})
        payload = codec.encode(numbered)
        self._make_room(len(payload))
        self._db.execute(
            "INSERT INTO outbox"
            " (event_id, topic, key, payload, agent_id, boot_id, seq, traceparent, created_ms, schema)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key, topic, event.camera_id, payload, self._agent_id, self.boot_id, seq, traceparent, now_ms(),
             our_schema(topic).fingerprint),
        )  # fmt: skip

    def _next_seq(self, topic: str) -> int:
        row = self._db.execute(
            "INSERT INTO sequences VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last",
            (self.boot_id, topic),
        ).fetchone()
        return int(row[0])

    def _insert_image(self, image: SpooledImage) -> None:
        stop_at = FRAMES_STOP_AT if image.kind == "frame" else CROPS_STOP_AT
        if self._used_bytes() + image.size_bytes > stop_at * self._max_bytes:
            self._count_lost_image(image.kind)
            image.path.unlink(missing_ok=True)
            return
        self._db.execute(
            "INSERT OR IGNORE INTO images (event_id, kind, key, path, sha256, bytes) VALUES (?, ?, ?, ?, ?, ?)",
            (image.event_id, image.kind, image.key, str(image.path), image.sha256, image.size_bytes),
        )
        self._at_most_bytes += image.size_bytes

    def _used_bytes(self) -> int:
        row = self._db.execute("SELECT events_bytes + images_bytes FROM counts").fetchone()
        return int(row[0])

    def _make_room(self, needed: int) -> None:
        """Drop the oldest until `needed` bytes fit; only the agent takes out beside us, so what we know is a bound."""
        if self._at_most_bytes + needed > self._max_bytes:
            self._at_most_bytes = self._used_bytes()
        while self._at_most_bytes + needed > self._max_bytes:
            victim = self._oldest()
            if victim is None:
                break
            row, topic, boot, seq = victim
            self._db.execute("DELETE FROM outbox WHERE id = ?", (row,))
            self._bury(boot, topic, seq)
            self._at_most_bytes = self._used_bytes()
        self._at_most_bytes += needed

    def _oldest(self) -> tuple[int, str, str, int] | None:
        for topic in _DROP_ORDER:
            row = self._db.execute(
                "SELECT id, topic, boot_id, seq FROM outbox WHERE topic = ? ORDER BY id LIMIT 1", (topic,)
            ).fetchone()
            if row:
                return (int(row[0]), str(row[1]), str(row[2]), int(row[3]))
        return None

    def _bury(self, boot: str, topic: str, seq: int) -> None:
        self._db.execute("UPDATE counts SET dropped = dropped + 1")
        widened = self._db.execute(
            "UPDATE tombstones SET last_seq = ? WHERE boot_id = ? AND topic = ? AND last_seq = ? AND reason = 'full'",
            (seq, boot, topic, seq - 1),
        ).rowcount
        if not widened:
            self._db.execute(
                "INSERT INTO tombstones VALUES (NULL, ?, ?, ?, ?, 'full', ?)", (boot, topic, seq, seq, now_ms())
            )

    def _count_lost_image(self, kind: str) -> None:
        self._db.execute("INSERT INTO lost_images VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1", (kind,))
