"""What crosses HTTP. Keys of the old API stay; new ones are only added."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, PlainSerializer

Moment = Annotated[datetime, PlainSerializer(datetime.isoformat, return_type=str)]
"""With its offset spelt out, as the old API wrote times."""


class Candidate(BaseModel):
    """A text the plate may bear."""

    text: str
    confidence: float


class EventRow(BaseModel):
    """A reading: the old columns, then what is new.

    Attributes:
        plate_image_url, frame_image_url: links to this API; null where no picture was kept.
        box: xyxy in pixels of the frame.
        feed_id: rises with every stored reading; `after` of the live feed.
    """

    event_id: UUID
    captured_at: Moment
    camera_id: str
    track_id: str
    plate_text: str
    plate_normalized_text: str
    plate_confidence: float
    plate_region: str | None
    vehicle_type: str | None
    vehicle_make: str | None
    vehicle_model: str | None
    vehicle_color: str | None
    plate_image_url: str | None
    vehicle_image_url: str | None
    frame_image_url: str | None
    latency_ms: int
    quality_score: float | None
    frame_number: int | None
    site_id: str | None
    host_id: str | None
    roi: str | None
    direction: str | None
    created_at: Moment
    revision: int
    candidates: list[Candidate]
    reads: int
    box: list[float] | None
    first_seen_at: Moment | None
    last_seen_at: Moment | None
    resumed: bool
    feed_id: int


class SearchHit(EventRow):
    """A reading found by search: flat, and nested as search engines hold it."""

    score: float | None = None
    plate: dict[str, Any]
    vehicle: dict[str, Any]
    images: dict[str, Any]
    node: dict[str, Any]
    extras: dict[str, Any]


class Health(BaseModel):
    """Whether the API serves."""

    status: str
    database_connected: bool


class StatsResponse(BaseModel):
    """Figures of everything stored."""

    is_connected: bool
    total_events: int
    unique_plates: int
    active_cameras: int
    earliest_event: Moment | None
    latest_event: Moment | None
    avg_confidence: float | None
    avg_latency_ms: float | None
    total_inserts: int
    failed_inserts: int


class RecentEvents(BaseModel):
    """The readings stored last."""

    count: int
    events: list[EventRow]


class PlateEvents(BaseModel):
    """Readings of one plate."""

    plate: str
    count: int
    limit: int
    offset: int
    events: list[EventRow]


class CameraEvents(BaseModel):
    """Readings of one camera."""

    camera_id: str
    start_time: Moment | None
    end_time: Moment | None
    count: int
    limit: int
    offset: int
    events: list[EventRow]


class FoundEvents(BaseModel):
    """Readings that match."""

    count: int
    filters: dict[str, Any]
    events: list[EventRow]


class FulltextResult(BaseModel):
    """Readings that hold a text, or one near it."""

    query: str
    total: int
    took_ms: int
    results: list[SearchHit]
    limit: int
    offset: int


class FacetCount(BaseModel):
    """How many readings bear a value."""

    value: str
    count: int


class FacetsResult(BaseModel):
    """Readings, and what they can be narrowed by."""

    total: int
    took_ms: int
    results: list[SearchHit]
    facets: dict[str, list[FacetCount]]
    filters: dict[str, Any]


class AnalyticsResult(BaseModel):
    """Aggregations in the shape that a search engine gives them."""

    metric: str
    took_ms: int
    total_events: int
    aggregations: dict[str, Any]
    filters: dict[str, Any]


class Root(BaseModel):
    """What this is, and where things are."""

    name: str
    version: str
    endpoints: dict[str, str]
    opensearch_available: bool
    service_manager_available: bool


class SessionRequest(BaseModel):
    """The key, sent once for a cookie."""

    key: str
