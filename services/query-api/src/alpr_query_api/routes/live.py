"""Readings as they are stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from alpr_query_api.database import Row
from alpr_query_api.errors import Refused
from alpr_query_api.feed import MOST_FOLLOWERS
from alpr_query_api.parts import Given
from alpr_query_api.presenting import event_of

router = APIRouter(prefix="/events", tags=["events"])
FeedId = Annotated[int | None, Query(ge=0, le=2**63 - 1)]


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, 503: {}},
)
async def stream(
    parts: Given,
    request: Request,
    after: FeedId = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Server-sent events `reading`, each a row with its feed id as the event's id, in the order of storing.

    A browser that lost the connection sends `Last-Event-ID` and gets what it missed; `after` does the same by hand.
    """
    if parts.feed.followers >= MOST_FOLLOWERS:
        raise Refused(429, f"{MOST_FOLLOWERS} live feeds are open already; close one")
    base = str(request.base_url)

    def present(row: Row) -> dict[str, object]:
        return event_of(row, base)

    known = last_event_id is not None and last_event_id.isdecimal() and len(last_event_id) < 19  # fits an int64
    seen = int(last_event_id or 0) if known else after
    return StreamingResponse(parts.feed.follow(seen, present), media_type="text/event-stream")
