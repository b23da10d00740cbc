"""The pictures of a reading."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from alpr_images.errors import BadKey
from alpr_images.errors import Unavailable as StoreUnavailable
from alpr_query_api.errors import Refused, Unavailable
from alpr_query_api.parts import Given
from alpr_query_api.routes.events import event_row

router = APIRouter(prefix="/events", tags=["images"])
FOR_EVER = "private, max-age=31536000, immutable"  # an event's picture never changes


@router.get(
    "/{event_id}/images/{kind}.jpg",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 404: {}},
)
def image(parts: Given, event_id: str, kind: Literal["plate", "frame"]) -> Response:
    """The plate cut out, or the whole frame; a picture comes a moment after its event."""
    key = event_row(parts, event_id)[f"{kind}_image_url"]
    if not key:
        raise Refused(404, f"no {kind} picture was kept for this event")
    try:
        data = parts.images.get(key)
    except StoreUnavailable as e:
        raise Unavailable("the image store does not answer; try again in a moment") from e
    except BadKey as e:
        raise Refused(404, "the picture lies in no store of ours") from e
    if data is None:
        raise Refused(404, "the picture has not arrived yet, or is gone; try again in a moment")
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": FOR_EVER})
