"""Migrations: plain SQL, forward and back, each once, one process at a time; TimescaleDB has files of its own."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import psycopg

Engine = Literal["postgres", "timescale"]
_LOCK = 0x616C7072  # "alpr": one number for all who migrate
_BACK = ".back"


def migrate(dsn: str, engine: Engine | None = None) -> list[str]:
    """Apply what is missing; the names of what was applied. Raises psycopg.Error.

    `engine` is noted at the first migration (by default: timescale where the server has the extension) and stays.
    """
    applied = []
    with psycopg.connect(dsn) as connection:
        done = _applied(connection)
        chosen = _note_engine(connection, engine, new=not done)
        for name in names():
            if name not in done:
                connection.execute(_text(name, chosen))
                connection.execute("INSERT INTO migrations (name) VALUES (%s)", (name,))
                applied.append(name)
    return applied


def go_back(dsn: str, to: str | None = None) -> list[str]:
    """Undo all migrations after `to` (all of them without), newest first; the names of what was undone."""
    undone = []
    with psycopg.connect(dsn) as connection:
        done = _applied(connection)
        chosen = _note_engine(connection, None, new=not done)
        for name in sorted(done, reverse=True):
            if to is not None and name <= to:
                break
            connection.execute(_text(f"{name}{_BACK}", chosen))
            connection.execute("DELETE FROM migrations WHERE name = %s", (name,))
            undone.append(name)
    return undone


def names() -> list[str]:
    """All migrations, oldest first."""
    found = {p.name.removesuffix(".sql") for p in _folder().iterdir() if p.name.endswith(".sql")}
    return sorted(name for name in found if "." not in name)


def engine_of(connection: psycopg.Connection) -> Engine:
    """Which engine the tables were made for."""
    row = connection.execute("SELECT engine FROM database_engine").fetchone()
    return "timescale" if row == ("timescale",) else "postgres"


def _applied(connection: psycopg.Connection) -> set[str]:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
    )
    return {str(row[0]) for row in connection.execute("SELECT name FROM migrations")}


def _note_engine(connection: psycopg.Connection, wanted: Engine | None, *, new: bool) -> Engine:
    """What was noted; a database of before the note is a plain one."""
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


def _text(name: str, engine: Engine) -> bytes:
    own = _folder().joinpath(f"{name}.timescale.sql")
    chosen = own if engine == "timescale" and own.is_file() else _folder().joinpath(f"{name}.sql")
    return chosen.read_text(encoding="utf-8").encode()


def _folder() -> Traversable:
    return files("alpr_storage_consumer").joinpath("migrations")
