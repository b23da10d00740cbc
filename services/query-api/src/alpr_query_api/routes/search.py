"""Search by text, by facets, and figures over time; from the database until a search engine is there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi import Query as Asked

from alpr_query_api import queries
from alpr_query_api.asking import Limit, Offset, Period, Text, interval_of, said
from alpr_query_api.database import Row
from alpr_query_api.errors import Refused
from alpr_query_api.models import AnalyticsResult, FacetCount, FacetsResult, FulltextResult, SearchHit
from alpr_query_api.parts import Given, Parts
from alpr_query_api.plates import PlatePattern, plate_pattern
from alpr_query_api.presenting import hit_of
from alpr_query_api.queries import Filters

router = APIRouter(prefix="/search", tags=["search"])
Metric = Literal["plates_per_hour", "avg_confidence", "top_plates"]
_FACETS = {"cameras": 0b0111, "vehicle_types": 0b1011, "vehicle_colors": 0b1101, "sites": 0b1110}
_ALL = 0b1111  # of grouping(): a bit for each column that the row is summed over


@router.get("/fulltext")
def fulltext(
    parts: Given,
    request: Request,
    within: Period,
    q: Annotated[str, Asked(min_length=1, max_length=100)],
    camera_id: Text = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> FulltextResult:
    """Plates that hold `q`, look like it or are near it, best first; without any, cameras, sites and vehicles of it."""
    began = time.monotonic()
    rows = _fulltext(parts, q, replace(within, camera=camera_id), limit, offset)
    total = int(rows[0]["total"]) if rows else 0
    hits = _hits(rows, request)
    return FulltextResult(query=q, total=total, took_ms=_since(began), results=hits, limit=limit, offset=offset)


@router.get("/facets")
def facets(
    parts: Given,
    request: Request,
    within: Period,
    camera_id: Text = None,
    vehicle_type: Text = None,
    vehicle_color: Text = None,
    site: Text = None,
    limit: Limit = 100,
) -> FacetsResult:
    """The readings that match, and how many there are by camera, vehicle type, vehicle colour and site."""
    began = time.monotonic()
    filters = replace(within, camera=camera_id, vehicle_type=vehicle_type, vehicle_color=vehicle_color, site=site)
    counted = parts.database.rows(queries.facets(filters))
    hits = _hits(parts.database.rows(queries.search(filters, limit)), request)
    return FacetsResult(
        total=next((row["count"] for row in counted if row["over"] == _ALL), 0),
        took_ms=_since(began),
        results=hits,
        facets={name: _counts(counted, over) for name, over in _FACETS.items()},
        filters=said(camera_id=camera_id, vehicle_type=vehicle_type, vehicle_color=vehicle_color, site=site,
                     start_time=within.start, end_time=within.end),
    )  # fmt: skip


@router.get("/analytics")
def analytics(
    parts: Given,
    within: Period,
    metric: Metric,
    interval: str = "1h",
    camera_id: Text = None,
    size: Annotated[int, Asked(ge=1, le=1000)] = 100,
) -> AnalyticsResult:
    """Readings over time, mean confidence over time, or the plates read most, as buckets."""
    began = time.monotonic()
    filters = replace(within, camera=camera_id)
    if metric == "top_plates":
        total, aggregation = _top_plates(parts, filters, size)
    else:
        total, aggregation = _over_time(parts, filters, interval_of(interval), metric)
    return AnalyticsResult(
        metric=metric,
        took_ms=_since(began),
        total_events=total,
        aggregations={metric: aggregation},
        filters=said(interval=interval, start_time=within.start, end_time=within.end, camera_id=camera_id),
    )


@router.post("/query", status_code=501, responses={501: {}})
def query(_: Annotated[dict[str, Any], Body()]) -> None:
    """Queries in a search engine's own language: not here, where there is no search engine."""
    raise Refused(501, "this installation has no OpenSearch; /search/fulltext, /search/facets and /search/analytics do")


def _fulltext(parts: Parts, text: str, filters: Filters, limit: int, offset: int) -> list[Row]:
    pattern = _plate(text)
    if pattern is not None:
        rows = parts.database.rows(queries.near_plates(pattern, filters, limit, offset))
        # A page after the last is no reason to look for names; neither is a wildcard, which only plates take.
        if rows or pattern.wild or (offset and parts.database.row(queries.near_plates(pattern, filters, 1, 0))):
            return rows
    return parts.database.rows(queries.named(text, filters, limit, offset))


def _plate(text: str) -> PlatePattern | None:
    try:
        return plate_pattern(text, "q")
    except Refused:
        return None


def _hits(rows: Sequence[Row], request: Request) -> list[SearchHit]:
    base = str(request.base_url)
    return [SearchHit.model_validate(hit_of(row, base)) for row in rows]


def _counts(rows: Sequence[Row], over: int) -> list[FacetCount]:
    return [
        FacetCount(value=row["value"], count=row["count"])
        for row in rows
        if row["over"] == over and row["value"] is not None
    ]


def _top_plates(parts: Parts, filters: Filters, size: int) -> tuple[int, Mapping[str, Any]]:
    rows = parts.database.rows(queries.top_plates(filters, size))
    total = int(rows[0]["total"]) if rows else 0
    buckets = [{"key": row["key"], "doc_count": row["doc_count"]} for row in rows]
    others = total - sum(bucket["doc_count"] for bucket in buckets)
    return total, {"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": buckets}


def _over_time(parts: Parts, filters: Filters, step: timedelta, metric: Metric) -> tuple[int, Mapping[str, Any]]:
    rows = parts.database.rows(queries.over_time(filters, step))[::-1]
    buckets = [_bucket(row, metric) for row in rows]
    return sum(row["doc_count"] for row in rows), {"buckets": buckets}


def _bucket(row: Row, metric: Metric) -> dict[str, Any]:
    shown = row["key"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
    bucket = {"key_as_string": shown, "key": round(row["key"].timestamp() * 1000), "doc_count": row["doc_count"]}
    return bucket | ({metric: {"value": row["confidence"]}} if metric == "avg_confidence" else {})


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
