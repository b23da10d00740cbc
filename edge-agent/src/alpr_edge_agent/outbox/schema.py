"""The outbox's tables, and how both of its sides open it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import structlog

from alpr_edge_agent.errors import OutboxUnavailable

log = structlog.get_logger(__name__)

_TABLES = """
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

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit survives the loss of power, not only of the process
    "PRAGMA wal_autocheckpoint = 256",
    "PRAGMA journal_size_limit = 4194304",
    "PRAGMA busy_timeout = 10000",
)


def now_ms() -> int:
    """Unix milliseconds by the wall clock."""
    return time.time_ns() // 1_000_000


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the outbox at `path`, its tables made where they are missing; transactions are the caller's.

    A damaged file is moved aside, for salvage, and a new one begun. Raises OutboxUnavailable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _open(path)
        except sqlite3.DatabaseError as e:
            if isinstance(e, sqlite3.OperationalError):
                raise
            _move_aside(path)
            return _open(path)
    except (sqlite3.Error, OSError) as e:
        raise OutboxUnavailable(f"outbox {path}: {e}; make the folder writable, or free some disk space") from e


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        connection.executescript(_TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _move_aside(path: Path) -> None:
    aside = path.with_name(f"{path.name}.damaged-{now_ms()}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    log.error("outbox_damaged", moved_to=str(aside))
