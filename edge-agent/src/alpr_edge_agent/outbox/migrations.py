"""The outbox's tables, and the steps that bring the file of an older agent forward with all that waits in it.

A step only adds: the pipeline and the agent are two programs, and for a while one of them may be the older one. It
goes on inserting and deleting the columns that it knows; what is new has a default that is right for it.
"""

from __future__ import annotations

import sqlite3
from typing import Final


def _tally(name: str, when: str, change: str) -> str:
    return f"CREATE TRIGGER {name} AFTER {when} BEGIN UPDATE counts SET {change}; END"  # noqa: S608 - ours


_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sequences (
    boot_id TEXT NOT NULL, topic TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (boot_id, topic)) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id BLOB NOT NULL UNIQUE CHECK (length(event_id) = 16),
    topic TEXT NOT NULL, key TEXT NOT NULL, payload BLOB NOT NULL,
    agent_id TEXT NOT NULL, boot_id TEXT NOT NULL, seq INTEGER NOT NULL,
    traceparent TEXT, created_ms INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS outbox_topic ON outbox (topic, id);
CREATE TABLE IF NOT EXISTS images (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tombstones (
    id INTEGER PRIMARY KEY AUTOINCREMENT, boot_id TEXT NOT NULL, topic TEXT NOT NULL,
    first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, reason TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS lost_images (kind TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS usage (
    one INTEGER PRIMARY KEY CHECK (one = 1), events_bytes INTEGER NOT NULL, images_bytes INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO usage VALUES (1, 0, 0);
CREATE TRIGGER IF NOT EXISTS event_in AFTER INSERT ON outbox
    BEGIN UPDATE usage SET events_bytes = events_bytes + length(new.payload); END;
CREATE TRIGGER IF NOT EXISTS event_out AFTER DELETE ON outbox
    BEGIN UPDATE usage SET events_bytes = events_bytes - length(old.payload); END;
CREATE TRIGGER IF NOT EXISTS image_in AFTER INSERT ON images
    BEGIN UPDATE usage SET images_bytes = images_bytes + new.bytes; END;
CREATE TRIGGER IF NOT EXISTS image_out AFTER DELETE ON images
    BEGIN UPDATE usage SET images_bytes = images_bytes - old.bytes; END;
"""

_WRITER_SCHEMAS: Final = (
    "CREATE TABLE schemas (fingerprint TEXT PRIMARY KEY, definition TEXT NOT NULL) STRICT",
    "ALTER TABLE outbox ADD COLUMN schema TEXT",  # null: the first schema of the topic; no row is touched
)

# A table of its own: an older agent that opens the file fills `usage` by the number of columns it knew.
_COUNTS: Final = (
    ("CREATE TABLE counts (one INTEGER PRIMARY KEY CHECK (one = 1), events INTEGER NOT NULL, images INTEGER NOT NULL,"
    " sent INTEGER NOT NULL, dropped INTEGER NOT NULL) STRICT"),
    ("INSERT INTO counts SELECT 1, (SELECT count(*) FROM outbox), (SELECT count(*) FROM images), 0,"
    " coalesce((SELECT sum(last_seq - first_seq + 1) FROM tombstones), 0)"),
    "CREATE TRIGGER event_counted_in AFTER INSERT ON outbox BEGIN UPDATE counts SET events = events + 1; END",
    "CREATE TRIGGER event_counted_out AFTER DELETE ON outbox BEGIN UPDATE counts SET events = events - 1; END",
    "CREATE TRIGGER image_counted_in AFTER INSERT ON images BEGIN UPDATE counts SET images = images + 1; END",
    "CREATE TRIGGER image_counted_out AFTER DELETE ON images BEGIN UPDATE counts SET images = images - 1; END",
)  # fmt: skip

_IMAGE_ORDER: Final = ("CREATE INDEX images_kind ON images (kind, id)",)

_OLD_TRIGGERS: Final = ("event_in", "event_out", "image_in", "image_out")
_COUNTED: Final = ("event_counted_in", "event_counted_out", "image_counted_in", "image_counted_out")

# Bytes and counts in one row: one page less in each commit. What was `usage` stays as a view that takes what an older
# agent puts into it when it opens the file, and lets it go.
_ONE_TALLY: Final = (
    "ALTER TABLE counts ADD COLUMN events_bytes INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE counts ADD COLUMN images_bytes INTEGER NOT NULL DEFAULT 0",
    "UPDATE counts SET (events_bytes, images_bytes) = (SELECT events_bytes, images_bytes FROM usage)",
    *(f"DROP TRIGGER {name}" for name in (*_OLD_TRIGGERS, *_COUNTED)),
    "DROP TABLE usage",
    "CREATE VIEW usage AS SELECT one, events_bytes, images_bytes FROM counts",
    "CREATE TRIGGER usage_in INSTEAD OF INSERT ON usage BEGIN SELECT 1; END",
    _tally("event_in", "INSERT ON outbox", "events = events + 1, events_bytes = events_bytes + length(new.payload)"),
    _tally("event_out", "DELETE ON outbox", "events = events - 1, events_bytes = events_bytes - length(old.payload)"),
    _tally("image_in", "INSERT ON images", "images = images + 1, images_bytes = images_bytes + new.bytes"),
    _tally("image_out", "DELETE ON images", "images = images - 1, images_bytes = images_bytes - old.bytes"),
)

STEPS: Final[tuple[tuple[str, ...], ...]] = (_WRITER_SCHEMAS, _COUNTS, _IMAGE_ORDER, _ONE_TALLY)
"""What brings a file from version n to n + 1; SQLite's user_version says where it is."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file up to the last version; each step in a transaction of its own. A newer file is left as it is."""
    if _version(connection) >= len(STEPS):
        return
    connection.executescript(_TABLES)
    for number, step in enumerate(STEPS, start=1):
        _take(connection, number, step)


def _take(connection: sqlite3.Connection, number: int, step: tuple[str, ...]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) < number:  # the other program may have been here first
            for statement in step:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
