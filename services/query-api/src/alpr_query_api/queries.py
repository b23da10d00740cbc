"""All SQL of the API: pure, values in, a statement and its parameters out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.sql import SQL, Composable

from alpr_query_api.database import Query
from alpr_query_api.plates import PlatePattern

COLUMNS = (
    "event_id", "captured_at", "camera_id", "track_id", "plate_text", "plate_normalized_text", "plate_confidence",
    "plate_region", "vehicle_type", "vehicle_make", "vehicle_model", "vehicle_color", "plate_image_url",
    "vehicle_image_url", "frame_image_url", "latency_ms", "quality_score", "frame_number", "site_id", "host_id", "roi",
    "direction", "created_at", "revision", "candidates", "reads", "box", "first_seen_at", "last_seen_at", "resumed",
    "feed_id",
)  # fmt: skip
_COLUMNS = SQL(", ").join(map(sql.Identifier, COLUMNS))
_SIMILAR = 0.4  # of trigrams: one wrong character in four passes, two do not


@dataclass(frozen=True, slots=True)
class Filters:
    """What rows must match; None asks nothing.

    Attributes:
        lookalikes: `plate` matches plates that only look alike, too.
    """

    plate: PlatePattern | None = None
    camera: str | None = None
    site: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    vehicle_type: str | None = None
    vehicle_color: str | None = None
    lookalikes: bool = False


def recent(limit: int) -> Query:
    """The rows that were stored last."""
    statement = SQL("SELECT {} FROM plate_events ORDER BY feed_id DESC LIMIT %(limit)s")
    return statement.format(_COLUMNS), {"limit": limit}


def search(filters: Filters, limit: int, offset: int = 0) -> Query:
    """Matching rows, newest capture first."""
    where, values = _where(filters)
    statement = SQL(
        "SELECT {} FROM plate_events WHERE {}"
        " ORDER BY captured_at DESC, event_id DESC LIMIT %(limit)s OFFSET %(offset)s"
    )
    return statement.format(_COLUMNS, where), {**values, "limit": limit, "offset": offset}


def one(event_id: UUID) -> Query:
    """The row of an id; an id that holds its time (version 7) is looked for in that month alone."""
    values: dict[str, Any] = {"id": event_id}
    where = SQL("event_id = %(id)s")
    if event_id.version == 7:  # the version that holds a time
        since = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=event_id.int >> 80)
        values |= {"since": since, "until": since + timedelta(milliseconds=1)}
        where = SQL("event_id = %(id)s AND captured_at >= %(since)s AND captured_at < %(until)s")
    return SQL("SELECT {} FROM plate_events WHERE {}").format(_COLUMNS, where), values


def after(feed_id: int, limit: int) -> Query:
    """Rows stored after `feed_id`, in the order of their commits."""
    statement = SQL("SELECT {} FROM plate_events WHERE feed_id > %(after)s ORDER BY feed_id LIMIT %(limit)s")
    return statement.format(_COLUMNS), {"after": feed_id, "limit": limit}


def newest_feed_id() -> Query:
    """The last feed id given to a stored row; 0 before the first."""
    return SQL("SELECT coalesce(max(feed_id), 0) AS newest FROM plate_events"), {}


def stats() -> Query:
    """The figures of the whole table."""
    return SQL(
        "SELECT count(*) AS total_events, count(DISTINCT plate_normalized_text) AS unique_plates,"
        " count(DISTINCT camera_id) AS active_cameras, min(captured_at) AS earliest_event,"
        " max(captured_at) AS latest_event, avg(plate_confidence) AS avg_confidence,"
        " avg(latency_ms)::float8 AS avg_latency_ms,"
        " (SELECT count(*) FROM dead_letters WHERE consumer = 'storage' AND state IN ('new', 'parked'))"
        " AS failed_inserts FROM plate_events"
    ), {}


def near_plates(pattern: PlatePattern, filters: Filters, limit: int, offset: int) -> Query:
    """Rows whose plate matches, holds, looks like or is near `pattern`: best first, then newest; each by an index."""
    where, values = _where(filters)
    values |= {"limit": limit, "offset": offset}
    if pattern.wild:
        values |= {"like": pattern.like, "like_folded": pattern.folded}
        return _found(SQL("1.0"), where, _LIKE), values
    values |= {"exact": pattern.like, "part": f"%{pattern.like}%", "folded": f"%{pattern.folded}%"}
    values |= {"alike": pattern.folded, "similar": _SIMILAR}
    return _found(_SCORE, where, _NEAR), values


def named(text: str, filters: Filters, limit: int, offset: int) -> Query:
    """Rows whose camera, site or vehicle holds `text`, newest first; it reads all rows of the time asked for."""
    where, values = _where(filters)
    values |= {"limit": limit, "offset": offset, "words": f"%{_escaped(text)}%"}
    return _found(SQL("1.0"), where, _WORDS), values


def _found(score: Composable, where: Composable, matches: Composable) -> sql.Composed:
    return SQL(
        "SELECT {}, {} AS score, count(*) OVER () AS total FROM plate_events WHERE {} AND {}"
        " ORDER BY score DESC, captured_at DESC, event_id DESC LIMIT %(limit)s OFFSET %(offset)s"
    ).format(_COLUMNS, score, where, matches)


_WORDS = SQL(
    "(camera_id ILIKE %(words)s OR site_id ILIKE %(words)s OR vehicle_type ILIKE %(words)s"
    " OR vehicle_color ILIKE %(words)s)"
)
_NEAR = SQL(  # what holds the text holds it folded: the one trigram index is on folded plates
    "(plate_folded LIKE %(folded)s"
    " OR (plate_folded %% %(alike)s AND similarity(plate_folded, %(alike)s) >= %(similar)s))"
)
_LIKE = SQL("plate_normalized_text LIKE %(like)s AND plate_folded LIKE %(like_folded)s")
_SCORE = SQL(
    "round((CASE WHEN plate_normalized_text = %(exact)s THEN 4 WHEN plate_normalized_text LIKE %(part)s THEN 3"
    " WHEN plate_folded LIKE %(folded)s THEN 2 ELSE 1 END + similarity(plate_normalized_text, %(exact)s))::numeric, 3)"
    "::float8"
)


def facets(filters: Filters) -> Query:
    """Counts by camera, vehicle type, vehicle colour and site, and of all, in one pass."""
    where, values = _where(filters)
    statement = SQL(
        "SELECT grouping(camera_id, vehicle_type, vehicle_color, site_id) AS over, count(*) AS count,"
        " coalesce(camera_id, vehicle_type, vehicle_color, site_id) AS value FROM plate_events WHERE {}"
        " GROUP BY GROUPING SETS ((camera_id), (vehicle_type), (vehicle_color), (site_id), ())"
        " ORDER BY count DESC, value"
    )
    return statement.format(where), values


def over_time(filters: Filters, interval: timedelta) -> Query:
    """Readings and mean confidence in steps of `interval`, oldest first."""
    where, values = _where(filters)
    statement = SQL(
        "SELECT date_bin(%(step)s, captured_at, 'epoch') AS key, count(*) AS doc_count,"
        " avg(plate_confidence) AS confidence FROM plate_events WHERE {} GROUP BY 1 ORDER BY 1 DESC LIMIT 10000"
    )
    return statement.format(where), {**values, "step": interval}


def top_plates(filters: Filters, size: int) -> Query:
    """The plates that were read most, and how many readings there are in all."""
    where, values = _where(filters)
    statement = SQL(
        "SELECT plate_normalized_text AS key, count(*) AS doc_count, sum(count(*)) OVER () AS total"
        " FROM plate_events WHERE {} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(size)s"
    )
    return statement.format(where), {**values, "size": size}


def _where(filters: Filters) -> tuple[Composable, dict[str, Any]]:
    values: dict[str, Any] = {}
    conditions: list[SQL] = []
    if filters.plate is not None:
        conditions.append(_plate_condition(filters.lookalikes, wild=filters.plate.wild))
        values["plate"] = filters.plate.folded if filters.lookalikes else filters.plate.like
        values["plate_folded"] = filters.plate.folded
    for value, name, condition in _simple(filters):
        if value is not None:
            conditions.append(condition)
            values[name] = value
    return SQL(" AND ").join(conditions) if conditions else SQL("true"), values


def _simple(filters: Filters) -> Sequence[tuple[Any, str, SQL]]:
    return (
        (filters.camera, "camera", SQL("camera_id = %(camera)s")),
        (filters.site, "site", SQL("site_id = %(site)s")),
        (filters.vehicle_type, "vehicle_type", SQL("vehicle_type = %(vehicle_type)s")),
        (filters.vehicle_color, "vehicle_color", SQL("vehicle_color = %(vehicle_color)s")),
        (filters.start, "start", SQL("captured_at >= %(start)s")),
        (filters.end, "end", SQL("captured_at <= %(end)s")),
    )


def _plate_condition(lookalikes: bool, *, wild: bool) -> SQL:  # noqa: FBT001 - private
    match lookalikes, wild:
        case True, True:
            return SQL("plate_folded LIKE %(plate)s")
        case True, False:
            return SQL("plate_folded = %(plate)s")
        case False, True:
            return SQL("plate_normalized_text LIKE %(plate)s AND plate_folded LIKE %(plate_folded)s")
        case _:
            return SQL("plate_normalized_text = %(plate)s")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
