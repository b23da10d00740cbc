"""A real PostgreSQL, started once a run; every test has a fresh, migrated database in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address; its database `template` is migrated."""
    import psycopg

    from alpr_storage_consumer.migrate import migrate

    folder = tmp_path_factory.mktemp("postgres")
    with temporary_server(folder) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE template")
        migrate(_named(dsn, "template"))
        yield dsn


@contextmanager
def temporary_server(folder: Path) -> Iterator[str]:
    """A server while this lasts; its cluster is removed, wherever root had to put it."""
    from alpr_standalone.database import EmbeddedPostgres

    with EmbeddedPostgres(folder) as server:
        yield server.dsn
    remove_cluster(folder)


def remove_cluster(folder: Path) -> None:
    """Remove the cluster of a stopped server that lies outside of its data folder, which pytest does not clean."""
    note = folder / "where"
    if note.exists():
        shutil.rmtree(Path(note.read_text().strip()).parent, ignore_errors=True)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The address of a migrated database of this test alone."""
    with fresh_database(postgres) as dsn:
        yield dsn


@contextmanager
def fresh_database(postgres: str) -> Iterator[str]:
    """A migrated database while this lasts; for fixtures that live longer than a test."""
    import psycopg
    from psycopg import sql

    name = f"t_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template").format(sql.Identifier(name)))
        yield _named(postgres, name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _named(dsn: str, database: str) -> str:
    return " ".join(f"dbname={database}" if part.startswith("dbname=") else part for part in dsn.split())
