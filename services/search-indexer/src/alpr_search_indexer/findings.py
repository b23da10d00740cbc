"""The table `picture_findings`: the only thing here that is written to the database, by a session of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import psycopg

from alpr_search_indexer.database import told

Kind = Literal["missing", "orphaned"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A picture that is not as the events say."""

    key: str
    event_id: UUID
    kind: Kind


class Findings:
    """One connection, opened when it is needed, used by one thread. All raise Unavailable and Misdeployed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection | None = None

    def note(self, findings: Sequence[Finding]) -> None:
        """Keep `findings`; those known already are found anew."""
        try:
            with self._connected().cursor() as cursor:
                cursor.executemany(_NOTE, [(f.key, f.event_id, f.kind) for f in findings])
        except psycopg.Error as e:
            raise self._told(e) from e

    def oldest(self, limit: int) -> list[Finding]:
        """Those that were looked at the longest ago."""
        query = "SELECT key, event_id, finding FROM picture_findings ORDER BY last_found_at, key LIMIT %s"
        try:
            return [Finding(*row) for row in self._connected().execute(query, (limit,))]
        except psycopg.Error as e:
            raise self._told(e) from e

    def drop(self, keys: Sequence[str]) -> None:
        """Forget these: all is well with them."""
        try:
            self._connected().execute("DELETE FROM picture_findings WHERE key = ANY(%s)", (list(keys),))
        except psycopg.Error as e:
            raise self._told(e) from e

    def counts(self) -> Counter[str]:
        """How many there are of each kind."""
        try:
            rows = self._connected().execute("SELECT finding, count(*) FROM picture_findings GROUP BY 1")
            return Counter(dict(rows.fetchall()))
        except psycopg.Error as e:
            raise self._told(e) from e

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._dsn, connect_timeout=5, autocommit=True)
        return self._connection

    def _told(self, error: psycopg.Error) -> Exception:
        self.close()
        return told(error)


_NOTE = """
INSERT INTO picture_findings (key, event_id, finding) VALUES (%s, %s, %s)
ON CONFLICT (key) DO UPDATE SET finding = excluded.finding, last_found_at = now()
"""
