"""What the terminal shows: new readings out of the database, and the cameras out of the pipeline's status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

_NEW = """
SELECT feed_id, captured_at, camera_id, plate_normalized_text, plate_confidence, plate_region, resumed
FROM plate_events WHERE feed_id > %s ORDER BY feed_id LIMIT 500
"""


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """A stored reading."""

    feed_id: int
    captured_at: datetime
    camera: str
    plate: str
    confidence: float
    region: str | None
    resumed: bool


class ReadingFeed:
    """New rows since the last call; an outage of the database gives none."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._after = -1
        self._connection: psycopg.Connection | None = None
        self.total = 0

    def new(self) -> list[ReadingRow]:
        """Rows that were stored since the last call, oldest first; the first call only finds the place to begin."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._dsn, autocommit=True, connect_timeout=3)
            if self._after < 0:
                row = self._connection.execute("SELECT coalesce(max(feed_id), 0) FROM plate_events").fetchone()
                self._after = int(row[0]) if row else 0
            rows = [ReadingRow(*row) for row in self._connection.execute(_NEW, (self._after,))]
        except psycopg.Error:
            self.close()
            return []
        if rows:
            self._after = rows[-1].feed_id
        self.total += len(rows)
        return rows

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
