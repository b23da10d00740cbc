"""What a role that reads may do: all events are shown to it, and it writes its own notes alone."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

_WRITTEN: Final = ("api_sessions", "picture_findings")
"""Sign-ins to the Query API's page, and what the reconciler found missing of pictures."""


def grant_reader(dsn: str, role: str) -> None:
    """Give `role` its rights, as the owner of the tables; again after each migration. Raises psycopg.Error."""
    with psycopg.connect(dsn) as connection:
        reader = sql.Identifier(role)
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(reader))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(reader))
        for table in _WRITTEN:
            statement = sql.SQL("GRANT INSERT, UPDATE, DELETE ON {} TO {}")
            connection.execute(statement.format(sql.Identifier(table), reader))
