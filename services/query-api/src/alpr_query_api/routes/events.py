"""Readings by id, plate, camera, and what they match."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi import Query as Asked

from alpr_query_api import queries
from alpr_query_api.asking import Limit, Offset, Period, Text, said
from alpr_query_api.database import Query, Row
from alpr_query_api.errors import Refused
from alpr_query_api.models import CameraEvents, EventRow, FoundEvents, PlateEvents, RecentEvents
from alpr_query_api.parts import Given, Parts
from alpr_query_api.plates import plate_pattern
from alpr_query_api.presenting import event_of

router = APIRouter(prefix="/events", tags=["events"])


def _shown(parts: Parts, request: Request, query: Query) -> list[EventRow]:
    base = str(request.base_url)
    return [EventRow.model_validate(event_of(row, base)) for row in parts.database.rows(query)]


@router.get("/recent")
def recent(parts: Given, request: Request, limit: Limit = 100) -> RecentEvents:
    """The readings stored last, newest first."""
    events = _shown(parts, request, queries.recent(limit))
    return RecentEvents(count=len(events), events=events)


@router.get("/search")
def search(
    parts: Given,
    request: Request,
    within: Period,
    plate: Text = None,
    camera: Text = None,
    site: Text = None,
    lookalikes: Annotated[bool, Asked(description="plates that only look alike, too: 0 and O, 8 and B")] = False,  # noqa: FBT002 - a query parameter
    limit: Limit = 100,
    offset: Offset = 0,
) -> FoundEvents:
    """Readings that match all that is given, newest capture first. In `plate`, * is any text and ? one character."""
    pattern = plate_pattern(plate) if plate is not None else None
    filters = replace(within, plate=pattern, camera=camera, site=site, lookalikes=lookalikes)
    events = _shown(parts, request, queries.search(filters, limit, offset))
    asked = said(plate=plate, camera=camera, site=site, start_time=within.start, end_time=within.end)
    return FoundEvents(count=len(events), filters=asked, events=events)


@router.get("/plate/{text}")
def by_plate(parts: Given, request: Request, text: str, limit: Limit = 100, offset: Offset = 0) -> PlateEvents:
    """Readings of exactly this plate, however it is spaced; newest capture first."""
    pattern = plate_pattern(text, "text")
    if pattern.wild:
        raise Refused(422, "text: wildcards are for /events/search?plate=", "text")
    events = _shown(parts, request, queries.search(queries.Filters(plate=pattern), limit, offset))
    return PlateEvents(plate=text, count=len(events), limit=limit, offset=offset, events=events)


@router.get("/camera/{camera_id}")
def by_camera(
    parts: Given, request: Request, within: Period, camera_id: str, limit: Limit = 100, offset: Offset = 0
) -> CameraEvents:
    """Readings of one camera, newest capture first."""
    events = _shown(parts, request, queries.search(replace(within, camera=camera_id), limit, offset))
    return CameraEvents(
        camera_id=camera_id,
        start_time=within.start,
        end_time=within.end,
        count=len(events),
        limit=limit,
        offset=offset,
        events=events,
    )


@router.get("/{event_id}", responses={404: {}})
def by_id(parts: Given, request: Request, event_id: str) -> EventRow:
    """One reading."""
    return EventRow.model_validate(event_of(event_row(parts, event_id), str(request.base_url)))


def event_row(parts: Parts, event_id: str) -> Row:
    """The row of an id. Raises Refused where there is none."""
    try:
        row = parts.database.row(queries.one(UUID(event_id)))
    except ValueError as e:
        raise Refused(404, "no such event: an id is a UUID", "event_id") from e
    if row is None:
        raise Refused(404, "no such event: it was never stored, or is gone", "event_id")
    return row
