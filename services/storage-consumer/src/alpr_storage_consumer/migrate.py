"""Migrations: plain SQL, forward and back, each once, one process at a time."""

from __future__ import annotations

from importlib.resources import files

import psycopg

_LOCK = 0x616C7072  # "alpr": one number for all who migrate
_BACK = ".back.sql"


def migrate(dsn: str) -> list[str]:
    """Apply what is missing; the names of what was applied. Raises psycopg.Error."""
    applied = []
    with psycopg.connect(dsn) as connection:
        done = _applied(connection)
        for name in names():
            if name not in done:
                connection.execute(_text(f"{name}.sql"))
                connection.execute("INSERT INTO migrations (name) VALUES (%s)", (name,))
                applied.append(name)
    return applied


def go_back(dsn: str, to: str | None = None) -> list[str]:
    """Undo all migrations after `to` (all of them without), newest first; the names of what was undone."""
    undone = []
    with psycopg.connect(dsn) as connection:
        for name in sorted(_applied(connection), reverse=True):
            if to is not None and name <= to:
                break
            connection.execute(_text(f"{name}{_BACK}"))
            connection.execute("DELETE FROM migrations WHERE name = %s", (name,))
            undone.append(name)
    return undone


def names() -> list[str]:
    """All migrations, oldest first."""
    folder = files("alpr_storage_consumer").joinpath("migrations")
    found = (p.name for p in folder.iterdir() if p.name.endswith(".sql") and not p.name.endswith(_BACK))
    return sorted(name.removesuffix(".sql") for name in found)


def _applied(connection: psycopg.Connection) -> set[str]:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
    )
    return {str(row[0]) for row in connection.execute("SELECT name FROM migrations")}


def _text(file: str) -> bytes:
    return files("alpr_storage_consumer").joinpath(f"migrations/{file}").read_text(encoding="utf-8").encode()
