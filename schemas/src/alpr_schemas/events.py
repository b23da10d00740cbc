"""The events as Python sees them; `alpr_schemas.codec` puts them into Avro's bytes and back.

Fields and their order follow `avro/*.avsc`, which is the contract.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _aware_iso(text: str) -> str:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset, as in 2026-01-02T03:04:05.000000+00:00")
    return text


def _uuid_text(text: str) -> str:
    return str(UUID(text))


IsoTime = Annotated[str, AfterValidator(_aware_iso)]
EventId = Annotated[str, AfterValidator(_uuid_text)]
Share = Annotated[float, Field(ge=0, le=1)]


class Event(BaseModel):
    """What all records share: unknown fields of a newer writer are ignored, values never change."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Plate(Event):
    """A plate's text as read and as compared."""

    text: str = Field(min_length=1, max_length=20)
    normalized_text: str = Field(min_length=1, max_length=20)
    confidence: Share
    region: str | None = None


class Vehicle(Event):
    """Attributes of the vehicle; null until a model gives them."""

    type: str | None = None
    make: str | None = None
    model: str | None = None
    color: str | None = None


class Images(Event):
    """Keys of the evidence in the object store; null where none was kept."""

    plate_url: str | None = None
    vehicle_url: str | None = None
    frame_url: str | None = None


class Node(Event):
    """Where the event was made."""

    site: str | None = None
    host: str | None = None


class Extras(Event):
    """What the old contract kept beside the event."""

    roi: str | None = None
    direction: str | None = None
    quality_score: float | None = None
    frame_number: int | None = None


class Candidate(Event):
    """A text the plate may bear, and how likely."""

    text: str
    confidence: Share


class Rectangle(Event):
    """xyxy in pixels of the frame."""

    x1: float
    y1: float
    x2: float
    y2: float


class Delivered(Event):
    """Who numbered an event, and under which number: the ledger's key."""

    resumed: bool = False
    source_epoch: str = ""
    agent_id: str = ""
    boot_id: str = ""
    seq: int = 0


class PlateEvent(Delivered):
    """One reading of one vehicle pass (`com.alpr.events.PlateEvent`)."""

    event_id: EventId
    captured_at: IsoTime
    camera_id: str = Field(min_length=1, max_length=50)
    track_id: str = Field(min_length=1, max_length=50)
    plate: Plate
    vehicle: Vehicle = Vehicle()
    images: Images = Images()
    latency_ms: int = 0
    node: Node = Node()
    extras: Extras | None = None
    revision: int = 0
    candidates: tuple[Candidate, ...] = ()
    reads: int = 0
    box: Rectangle | None = None
    first_seen_at: IsoTime | None = None
    last_seen_at: IsoTime | None = None
    detector_digest: str = ""
    reader_digest: str = ""


class VehicleInfo(Event):
    """The vehicle's place in the picture; `bbox` is its plate's last box until a vehicle detector gives more."""

    type: str | None = None
    color: str | None = None
    bbox: Rectangle
    confidence: Share


class TrackingInfo(Event):
    """How the vehicle passed."""

    direction: str | None = None
    speed_kmh: float | None = None
    dwell_time_seconds: float | None = None
    first_seen_at: IsoTime
    last_seen_at: IsoTime


class VehicleEvent(Delivered):
    """A vehicle has left the picture (`com.alpr.events.VehicleEvent`)."""

    event_id: EventId
    captured_at: IsoTime
    camera_id: str = Field(min_length=1, max_length=50)
    track_id: str = Field(min_length=1, max_length=50)
    vehicle: VehicleInfo
    tracking: TrackingInfo
    latency_ms: int = 0
    node: Node = Node()
    plate_event_id: EventId | None = None


class MetricType(StrEnum):
    """Kinds of `MetricEvent`."""

    FPS = "FPS"
    LATENCY = "LATENCY"
    GPU_UTIL = "GPU_UTIL"
    MEMORY = "MEMORY"
    SERVICE_HEALTH = "SERVICE_HEALTH"
    KAFKA_LAG = "KAFKA_LAG"
    CUSTOM = "CUSTOM"


class MetricEvent(Event):
    """A figure of a host (`com.alpr.metrics.MetricEvent`)."""

    metric_id: EventId
    timestamp: IsoTime
    host_id: str
    site_id: str | None = None
    metric_type: MetricType
    metric_name: str
    value: float
    unit: str
    tags: dict[str, str] = Field(default_factory=dict)


AnyEvent = PlateEvent | VehicleEvent | MetricEvent


def moment(text: str) -> datetime:
    """An event's ISO time as an aware UTC datetime."""
    return datetime.fromisoformat(text).astimezone(UTC)
