"""How both sides of the outbox open it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import structlog

from alpr_edge_agent.errors import OutboxUnavailable
from alpr_edge_agent.outbox.migrations import migrate

log = structlog.get_logger(__name__)

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
    """A connection to the outbox at `path`; its transactions are the caller's. Tables are made, or brought forward.

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
        raise unavailable(e, str(path)) from e


def unavailable(error: sqlite3.Error | OSError, path: str = "") -> OutboxUnavailable:
    """What SQLite or the system said, and what to do about it."""
    named = f"outbox {path}".rstrip()
    if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return OutboxUnavailable(f"{named}: {error}; another process of this node holds it, it is tried again")
    return OutboxUnavailable(f"{named}: {error}; make the folder writable, or free some disk space")


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        migrate(connection)
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
