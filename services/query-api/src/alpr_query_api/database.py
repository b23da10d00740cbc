"""The only file that reads PostgreSQL for callers: read-only sessions, each statement bounded in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from alpr_query_api.errors import Refused, Unavailable

Query = tuple[sql.SQL | sql.Composed, Mapping[str, Any]]
Row = dict[str, Any]


class Database:
    """A small pool; every call blocks, so the routes that use it are plain functions and run in threads."""

    def __init__(self, dsn: str, statement_timeout_s: float = 5.0, wait_s: float = 2.0) -> None:
        settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": str(round(statement_timeout_s * 1000)),
            "timezone": "UTC",
        }
        self._wait_s = wait_s
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            dsn,
            connection_class=psycopg.Connection[Row],
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 3,
                "options": " ".join(f"-c {key}={value}" for key, value in settings.items()),
            },
            min_size=1,
            max_size=8,
            timeout=wait_s,
            reconnect_timeout=1.0,  # then the next caller tries: the pool's own pauses would outlast the outage
            check=ConnectionPool.check_connection,
            open=False,
        )

    def open(self) -> None:
        """Start connecting; a database that is away now may come later."""
        self._pool.open()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def rows(self, query: Query) -> list[Row]:
        """All rows of `query`. Raises Unavailable, or Refused where the values make no sense to the database."""
        try:
            with self._pool.connection() as connection:
                return connection.execute(*query).fetchall()
        except (psycopg.errors.QueryCanceled, psycopg.errors.ReadOnlySqlTransaction) as e:
            raise Unavailable("this takes too long; ask for less time with start_time and end_time") from e
        except psycopg.DataError as e:
            raise Refused(422, "a value holds characters or numbers that cannot be looked up") from e
        except (psycopg.OperationalError, PoolTimeout) as e:
            raise Unavailable("the database does not answer; try again in a moment") from e

    def row(self, query: Query) -> Row | None:
        """The first row, or None. Raises as `rows`."""
        found = self.rows(query)
        return found[0] if found else None

    def answers(self) -> bool:
        """Whether the database serves us now."""
        try:
            return bool(self.rows((sql.SQL("SELECT 1 AS one"), {})))
        except Unavailable:
            return False
