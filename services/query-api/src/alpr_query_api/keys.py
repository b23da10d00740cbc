"""API keys and the browser sessions they open: random, kept only as SHA-256, withdrawn at once.

A key has 256 random bits, so that a fast hash is enough: there is nothing to guess (NIST SP 800-63B, 5.1.2.2 on
look-up secrets).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from alpr_query_api.database import Database, Query
from alpr_query_api.errors import Unavailable

PREFIX = "alpr_"
REMEMBERED_S = 5.0
_LONG_ENOUGH = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43,200}}")
REMEMBERED_MOST = 1000


def create_key(dsn: str, name: str) -> str:
    """Make a key called `name` and return it: it is shown this once, the store keeps its hash alone."""
    key = PREFIX + secrets.token_urlsafe(32)
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO api_keys (name, hash) VALUES (%s, %s)", (name, _hash(key)))
    return key


def put_key(dsn: str, name: str, key: str) -> bool:
    """Have `key`, which somebody else made, open the API under `name`; whether it did not before.

    A key that was withdrawn stays so. Raises ValueError for one that could be guessed.
    """
    if not _LONG_ENOUGH.fullmatch(key):
        raise ValueError(f"is no key; write {PREFIX} and 43 or more letters, digits, - and _ that nobody can guess")
    with psycopg.connect(dsn) as connection:
        statement = "INSERT INTO api_keys (name, hash) VALUES (%s, %s) ON CONFLICT (hash) DO NOTHING"
        return connection.execute(statement, (name, _hash(key))).rowcount == 1


def list_keys(dsn: str) -> list[dict[str, Any]]:
    """All keys: name, created_at, revoked_at."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute("SELECT name, created_at, revoked_at FROM api_keys ORDER BY id").fetchall()


def revoke_key(dsn: str, name: str) -> int:
    """Withdraw the keys called `name`, and the browser sessions that they opened; how many keys there were."""
    with psycopg.connect(dsn) as connection:
        statement = "UPDATE api_keys SET revoked_at = now() WHERE name = %s AND revoked_at IS NULL"
        return connection.execute(statement, (name,)).rowcount


class KeyRing:
    """Checks keys and sessions; what was right is believed for five seconds without asking the database."""

    def __init__(
        self, dsn: str, database: Database, session: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._dsn, self._database, self._session, self._clock = dsn, database, session, clock
        self._known: dict[bytes, float] = {}

    def any(self) -> bool:
        """Whether there is a key that opens the API. Raises Unavailable."""
        return self._database.row((sql.SQL("SELECT 1 FROM api_keys WHERE revoked_at IS NULL LIMIT 1"), {})) is not None

    def opens(self, token: str) -> bool:
        """Whether `token` is a key, or a session's, and not withdrawn. Raises Unavailable."""
        hashed = _hash(token)
        if self._known.get(hashed, 0.0) > self._clock():
            return True
        self._known.pop(hashed, None)
        if self._database.row(_holder(hashed)) is None:
            return False
        if len(self._known) >= REMEMBERED_MOST:
            self._known.clear()
        self._known[hashed] = self._clock() + REMEMBERED_S
        return True

    def opens_any(self, tokens: Sequence[str]) -> bool:
        """Whether one of `tokens` opens the API. Raises Unavailable."""
        return any(map(self.opens, tokens))

    def open_session(self, key: str) -> str | None:
        """A session's token for a key, or None where it is no key. Raises Unavailable."""
        token = secrets.token_urlsafe(32)
        values = {"key": _hash(key), "hash": _hash(token), "lasts": self._session}
        try:
            with psycopg.connect(self._dsn, connect_timeout=3) as connection:
                connection.execute("DELETE FROM api_sessions WHERE expires_at < now()")
                return token if connection.execute(_NEW_SESSION, values).rowcount else None
        except psycopg.OperationalError as e:
            raise Unavailable("the database does not answer; try again in a moment") from e

    def end_session(self, token: str) -> None:
        """Forget a session. Raises Unavailable."""
        self._known.pop(_hash(token), None)
        try:
            with psycopg.connect(self._dsn, connect_timeout=3) as connection:
                connection.execute("DELETE FROM api_sessions WHERE hash = %s", (_hash(token),))
        except psycopg.OperationalError as e:
            raise Unavailable("the database does not answer; try again in a moment") from e


_NEW_SESSION = """
INSERT INTO api_sessions (hash, key_id, expires_at)
SELECT %(hash)s, id, now() + %(lasts)s FROM api_keys WHERE hash = %(key)s AND revoked_at IS NULL
"""


def _holder(hashed: bytes) -> Query:
    return sql.SQL(
        "SELECT id FROM api_keys WHERE hash = %(hash)s AND revoked_at IS NULL UNION ALL"
        " SELECT key_id FROM api_sessions JOIN api_keys ON api_keys.id = key_id"
        " WHERE api_sessions.hash = %(hash)s AND expires_at > now() AND revoked_at IS NULL"
    ), {"hash": hashed}


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
