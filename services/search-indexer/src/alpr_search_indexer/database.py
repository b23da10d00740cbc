"""The only file that talks to PostgreSQL for reading: one session that cannot write, whatever its role may do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg import sql

from alpr_search_indexer.documents import ROW_COLUMNS
from alpr_search_indexer.errors import Misdeployed, Unavailable

Row = tuple[Any, ...]
_OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=300s -c timezone=UTC"
_OUTAGE = frozenset({"08", "25", "40", "53", "55", "57", "58"})


@dataclass(frozen=True, slots=True)
class Key:
    """A place in the order of pages: after this event."""

    captured_at: datetime
    event_id: UUID


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """Where events are counted: a camera of a site in the hour that begins at `hour` (UTC)."""

    site: str
    camera: str
    hour: datetime


class Database:
    """One connection, opened when it is needed, used by one thread. All raise Unavailable and Misdeployed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection | None = None

    def page(self, since: datetime, until: datetime, after: Key | None, limit: int) -> list[Row]:
        """Rows of ROW_COLUMNS captured in [since, until), in the order of (captured_at, event_id), after `after`."""
        return self._rows(_PAGE if after is None else _PAGE_AFTER, _given(since, until, after) | {"limit": limit})

    def stored_after(self, feed: int, since: datetime, until: datetime) -> Iterator[list[Row]]:
        """Pages of rows captured in [since, until) and stored after the row that had number `feed`, oldest first."""
        while True:
            rows = self._rows(_FED, {"feed": feed, "since": since, "until": until, "limit": 5000})
            if not rows:
                return
            yield [row[:-1] for row in rows]
            feed = rows[-1][-1]

    def newest_feed(self) -> int:
        """The number of the row stored last; 0 where there is none."""
        return int(self._rows("SELECT coalesce(max(feed_id), 0) FROM plate_events", {})[0][0])

    def count(self, since: datetime, until: datetime) -> int:
        """Events captured in [since, until)."""
        return int(self._rows(_COUNT, {"since": since, "until": until})[0][0])

    def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last event were captured; None without any."""
        first, last = self._rows("SELECT min(captured_at), max(captured_at) FROM plate_events", {})[0]
        return (first, last) if first is not None else None

    def counts(self, since: datetime, until: datetime, stored_before: datetime) -> dict[Cell, int]:
        """Events a cell, captured in [since, until) and stored before `stored_before`; `since` is a whole hour."""
        found = self._rows(_COUNTS, {"since": since, "until": until, "stored": stored_before})
        return {Cell(site, camera, hour): number for site, camera, hour, number in found}

    def late_hours(self, stored_since: datetime, captured_before: datetime) -> list[datetime]:
        """Hours of events captured before `captured_before`, but stored since `stored_since`; sorted."""
        found = self._rows(_LATE, {"stored": stored_since, "captured": captured_before})
        return [row[0] for row in found]

    def cell(self, cell: Cell, until: datetime, stored_before: datetime) -> Iterator[list[Row]]:
        """Pages of rows of `cell`, captured before `until` and stored before `stored_before`, in order."""
        given = {"site": cell.site, "camera": cell.camera, "stored": stored_before, "limit": 2000}
        query, after = _CELL, _given(cell.hour, until, None)
        while rows := self._rows(query, given | after):
            yield rows
            query, after = _CELL_AFTER, _given(cell.hour, until, Key(rows[-1][1], rows[-1][0]))

    def pictures(self, since: datetime, until: datetime, after: Key | None, limit: int) -> list[Row]:
        """(event_id, captured_at, keys) of events with pictures: as `page`."""
        return self._rows(
            _PICTURES if after is None else _PICTURES_AFTER, _given(since, until, after) | {"limit": limit}
        )

    def known(self, events: Sequence[UUID]) -> set[UUID]:
        """Those of `events` that are stored."""
        query = "SELECT event_id FROM plate_events WHERE event_id = ANY(%(ids)s)"
        return {row[0] for row in self._rows(query, {"ids": list(events)})} if events else set()

    def sites(self, since: datetime) -> list[str]:
        """Sites with events captured since then, sorted."""
        query = "SELECT DISTINCT site_id FROM plate_events WHERE captured_at >= %(since)s AND site_id <> '' ORDER BY 1"
        return [row[0] for row in self._rows(query, {"since": since})]

    def alone(self, task: Literal["reconcile", "rebuild"]) -> bool:
        """Whether this session is the one that does `task`; it stays so until it is closed."""
        return bool(self._rows("SELECT pg_try_advisory_lock(%(lock)s)", {"lock": _LOCKS[task]})[0][0])

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rows(self, query: str | sql.Composed, given: dict[str, Any]) -> list[Row]:
        try:
            return self._cursor().execute(query, given).fetchall()
        except psycopg.Error as e:
            self.close()
            raise told(e) from e

    def _cursor(self) -> psycopg.Cursor[Row]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._dsn, connect_timeout=5, autocommit=True, options=_OPTIONS)
        return self._connection.cursor(binary=True)


def told(error: psycopg.Error) -> Unavailable | Misdeployed:
    """`error` as one of ours: an outage, or a right, a table or a column that is missing."""
    state = error.sqlstate or ""
    if isinstance(error, psycopg.OperationalError) or state[:2] in _OUTAGE:
        return Unavailable(f"database: {type(error).__name__} {state}".strip())
    return Misdeployed(f"database: {type(error).__name__} {state}; is it migrated, and may the role read it?")


def _given(since: datetime, until: datetime, after: Key | None) -> dict[str, Any]:
    given: dict[str, Any] = {"since": since, "until": until}
    return given if after is None else given | {"at": after.captured_at, "id": after.event_id}


_LOCKS = {"reconcile": 0x7265636F, "rebuild": 0x72656275}  # "reco", "rebu"
_COLUMNS = sql.SQL(", ").join(
    sql.SQL("candidates::text") if name == "candidates" else sql.Identifier(name) for name in ROW_COLUMNS
)
_BETWEEN = sql.SQL("captured_at >= %(since)s AND captured_at < %(until)s")
_AFTER = sql.SQL("(captured_at, event_id) > (%(at)s, %(id)s) AND captured_at >= %(at)s AND captured_at < %(until)s")
_ORDER = sql.SQL("ORDER BY captured_at, event_id LIMIT %(limit)s")
_ROWS = sql.SQL("SELECT {} FROM plate_events WHERE {} {}")
_PAGE = _ROWS.format(_COLUMNS, _BETWEEN, _ORDER)
_PAGE_AFTER = _ROWS.format(_COLUMNS, _AFTER, _ORDER)
_FED = sql.SQL(
    "SELECT {}, feed_id FROM plate_events WHERE feed_id > %(feed)s AND {} ORDER BY feed_id LIMIT %(limit)s"
).format(_COLUMNS, _BETWEEN)
_OF_CELL = sql.SQL("camera_id = %(camera)s AND coalesce(site_id, '') = %(site)s AND created_at < %(stored)s AND {}")
_CELL = _ROWS.format(_COLUMNS, _OF_CELL.format(_BETWEEN), _ORDER)
_CELL_AFTER = _ROWS.format(_COLUMNS, _OF_CELL.format(_AFTER), _ORDER)
_PICTURE_ROWS = sql.SQL(
    "SELECT event_id, captured_at, array_remove(ARRAY[plate_image_url, vehicle_image_url, frame_image_url], NULL)"
    " FROM plate_events WHERE coalesce(plate_image_url, vehicle_image_url, frame_image_url) IS NOT NULL AND {} {}"
)
_PICTURES = _PICTURE_ROWS.format(_BETWEEN, _ORDER)
_PICTURES_AFTER = _PICTURE_ROWS.format(_AFTER, _ORDER)
_COUNT = sql.SQL("SELECT count(*) FROM plate_events WHERE {}").format(_BETWEEN)
_COUNTS = """
SELECT coalesce(site_id, ''), camera_id, date_trunc('hour', captured_at, 'UTC') AS hour, count(*) FROM plate_events
WHERE captured_at >= %(since)s AND captured_at < %(until)s AND created_at < %(stored)s
GROUP BY 1, 2, 3
"""
_LATE = """
SELECT DISTINCT date_trunc('hour', captured_at, 'UTC') AS hour FROM plate_events
WHERE created_at >= %(stored)s AND captured_at < %(captured)s ORDER BY 1
"""
