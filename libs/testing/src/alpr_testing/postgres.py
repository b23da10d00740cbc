"""A real PostgreSQL, started once a run; every test has a fresh, migrated database in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address; its database `template` is migrated."""
    import psycopg

    from alpr_standalone.database import EmbeddedPostgres
    from alpr_storage_consumer.migrate import migrate

    folder = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(folder) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute("CREATE DATABASE template")
        migrate(_named(server.dsn, "template"))
        yield server.dsn


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
