"""Migrations: plain SQL, forward and back, each once, one process at a time; TimescaleDB has files of its own.

Each is a transaction of its own, run while events are being written: it waits for a lock no longer than a moment,
because writers stand in line behind it, and tries again. One that begins with `-- online` is no transaction: each
statement stands for itself and may be repeated, as `CREATE INDEX CONCURRENTLY` asks for.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import psycopg
import structlog

log = structlog.get_logger(__name__)
Engine = Literal["postgres", "timescale"]
_LOCK = 0x616C7072  # "alpr": one number for all who migrate
_TURN_S = 0.2
_BACK = ".back"
_ONLINE = "-- online"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a step waits for a lock, with writers in line behind it, and for how long it tries again; seconds."""

    lock_s: float = 1.0
    give_up_s: float = 300.0


def migrate(
    dsn: str, engine: Engine | None = None, *, folder: Traversable | None = None, patience: Patience = Patience()
) -> list[str]:
    """Apply what is missing; the names of what was applied. Raises psycopg.Error; what was done until then stays.

    `engine` is noted at the first migration (by default: timescale where the server has the extension) and stays.
    """
    applied = []
    with _alone(dsn) as connection:
        done = _applied(connection)
        chosen = _note_engine(connection, engine, new=not done)
        for name in names(folder):
            if name not in done:
                _take(
                    connection, _text(name, chosen, folder), "INSERT INTO migrations (name) VALUES (%s)", name, patience
                )
                applied.append(name)
    return applied


def go_back(
    dsn: str, to: str | None = None, *, folder: Traversable | None = None, patience: Patience = Patience()
) -> list[str]:
    """Undo all migrations after `to` (all of them without), newest first; the names of what was undone."""
    undone = []
    with _alone(dsn) as connection:
        done = _applied(connection)
        chosen = _note_engine(connection, None, new=not done)
        for name in sorted(done, reverse=True):
            if to is not None and name <= to:
                break
            text = _text(f"{name}{_BACK}", chosen, folder)
            _take(connection, text, "DELETE FROM migrations WHERE name = %s", name, patience)
            undone.append(name)
    return undone


@contextmanager
def _alone(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection that no other migration runs beside; the lock goes with it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        # Asked for again and again: who waited inside the server would hold a snapshot, on which an index that is built
        # online waits in turn, and both would stand until one is ended as a deadlock.
        while connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() != (True,):
            time.sleep(_TURN_S)
        yield connection


def _take(connection: psycopg.Connection, text: str, note: str, name: str, patience: Patience) -> None:
    if text.startswith(_ONLINE):
        for statement in _statements(text):
            connection.execute(statement.encode())
        connection.execute(note.encode(), (name,))
        return
    until = time.monotonic() + patience.give_up_s
    while True:
        try:
            with connection.transaction():
                connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{patience.lock_s * 1000:.0f}ms",))
                connection.execute(text.encode())
                connection.execute(note.encode(), (name,))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() > until:
                raise
            log.info("migration_waits_for_a_lock", name=name)
            time.sleep(random.uniform(0.5, 1.5) * patience.lock_s)  # noqa: S311 - lets the line of writers go first
        else:
            return


def _statements(text: str) -> list[str]:
    """The statements of an online step: each ends with a semicolon at the end of a line."""
    bare = re.sub(r"^--.*$", "", text, flags=re.MULTILINE)
    return [found for each in re.split(r";\s*$", bare, flags=re.MULTILINE) if (found := each.strip())]


def names(folder: Traversable | None = None) -> list[str]:
    """All migrations, oldest first."""
    found = {p.name.removesuffix(".sql") for p in (folder or _folder()).iterdir() if p.name.endswith(".sql")}
    return sorted(name for name in found if "." not in name)


def engine_of(connection: psycopg.Connection) -> Engine:
    """Which engine the tables were made for."""
    row = connection.execute("SELECT engine FROM database_engine").fetchone()
    return "timescale" if row == ("timescale",) else "postgres"


def _applied(connection: psycopg.Connection) -> set[str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
    )
    return {str(row[0]) for row in connection.execute("SELECT name FROM migrations")}


def _note_engine(connection: psycopg.Connection, wanted: Engine | None, *, new: bool) -> Engine:
    """What was noted; a database of before the note is a plain one."""
    with connection.transaction():
        connection.execute("CREATE TABLE IF NOT EXISTS database_engine (engine text PRIMARY KEY)")
        noted = connection.execute("SELECT engine FROM database_engine").fetchone()
        if noted is None or new:
            chosen = (wanted or _offered(connection)) if new else "postgres"
            connection.execute("DELETE FROM database_engine")
            connection.execute("INSERT INTO database_engine VALUES (%s)", (chosen,))
    return engine_of(connection)


def _offered(connection: psycopg.Connection) -> Engine:
    found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    return "timescale" if found else "postgres"


def _text(name: str, engine: Engine, folder: Traversable | None) -> str:
    place = folder or _folder()
    own = place.joinpath(f"{name}.timescale.sql")
    chosen = own if engine == "timescale" and own.is_file() else place.joinpath(f"{name}.sql")
    return chosen.read_text(encoding="utf-8")


def _folder() -> Traversable:
    return files("alpr_storage_consumer").joinpath("migrations")
