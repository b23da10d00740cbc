"""Records in, rows out: pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alpr_plates.text import fold
from alpr_schemas import codec
from alpr_schemas.events import MetricEvent, PlateEvent, Rectangle, VehicleEvent, moment

PLATE_COLUMNS = (
    "event_id", "captured_at", "camera_id", "track_id", "plate_text", "plate_normalized_text", "plate_confidence",
    "plate_region", "vehicle_type", "vehicle_make", "vehicle_model", "vehicle_color", "plate_image_url",
    "vehicle_image_url", "frame_image_url", "latency_ms", "quality_score", "frame_number", "site_id", "host_id", "roi",
    "direction", "revision", "plate_folded", "candidates", "reads", "box", "first_seen_at", "last_seen_at", "resumed",
    "source_epoch", "agent_id", "boot_id", "seq", "detector_digest", "reader_digest",
)  # fmt: skip
VEHICLE_COLUMNS = (
    "event_id", "captured_at", "camera_id", "track_id", "vehicle_type", "vehicle_color", "box", "confidence",
    "direction", "speed_kmh", "dwell_time_seconds", "first_seen_at", "last_seen_at", "latency_ms", "site_id", "host_id",
    "plate_event_id", "resumed", "source_epoch", "agent_id", "boot_id", "seq",
)  # fmt: skip
METRIC_COLUMNS = (
    "metric_id", "measured_at", "host_id", "site_id", "metric_type", "metric_name", "value", "unit", "tags",
)  # fmt: skip

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """An event's bytes and the topic they came by."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that can never be stored, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row on its way to `table`; `record` is what it was made from."""

    table: str
    row: Row
    record: Record


@dataclass(slots=True)
class Batch:
    """What a batch of records becomes."""

    rows: list[Prepared] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


COLUMNS = {"plate_events": PLATE_COLUMNS, "vehicle_events": VEHICLE_COLUMNS, "metric_events": METRIC_COLUMNS}


def prepare(records: Sequence[Record]) -> Batch:
    """Decode `records`; what cannot be decoded, or lies outside of all calendars, is rejected with the reason."""
    batch = Batch()
    for record in records:
        try:
            event = codec.decode(record.topic, record.payload)
        except (codec.Undecodable, KeyError) as e:
            batch.rejected.append(Rejected(record, str(e)))
            continue
        try:
            table, row = _row(event)
        except OverflowError:
            batch.rejected.append(Rejected(record, "a time that no UTC date can hold"))
            continue
        batch.rows.append(Prepared(table, row, record))
    return batch


def _row(event: PlateEvent | VehicleEvent | MetricEvent) -> tuple[str, Row]:
    match event:
        case PlateEvent():
            return "plate_events", plate_row(event)
        case VehicleEvent():
            return "vehicle_events", vehicle_row(event)
        case MetricEvent():
            return "metric_events", metric_row(event)


def plate_row(event: PlateEvent) -> Row:
    """The columns of PLATE_COLUMNS."""
    extras = event.extras
    return (
        event.event_id, moment(event.captured_at), event.camera_id, event.track_id,
        event.plate.text, event.plate.normalized_text, event.plate.confidence, event.plate.region,
        event.vehicle.type, event.vehicle.make, event.vehicle.model, event.vehicle.color,
        event.images.plate_url, event.images.vehicle_url, event.images.frame_url, event.latency_ms,
        extras.quality_score if extras else None, extras.frame_number if extras else None,
        event.node.site, event.node.host, extras.roi if extras else None, extras.direction if extras else None,
        event.revision, fold(event.plate.normalized_text), json.dumps([c.model_dump() for c in event.candidates]),
        event.reads, _box(event.box) if event.box else None, _moment(event.first_seen_at),
        _moment(event.last_seen_at), event.resumed,
        event.source_epoch, event.agent_id, event.boot_id, event.seq, event.detector_digest, event.reader_digest,
    )  # fmt: skip


def vehicle_row(event: VehicleEvent) -> Row:
    """The columns of VEHICLE_COLUMNS."""
    vehicle, tracking = event.vehicle, event.tracking
    return (
        event.event_id, moment(event.captured_at), event.camera_id, event.track_id, vehicle.type, vehicle.color,
        _box(vehicle.bbox), vehicle.confidence, tracking.direction, tracking.speed_kmh, tracking.dwell_time_seconds,
        moment(tracking.first_seen_at), moment(tracking.last_seen_at),
        event.latency_ms, event.node.site, event.node.host,
        event.plate_event_id, event.resumed, event.source_epoch, event.agent_id, event.boot_id, event.seq,
    )  # fmt: skip


def metric_row(event: MetricEvent) -> Row:
    """The columns of METRIC_COLUMNS."""
    return (
        event.metric_id, moment(event.timestamp), event.host_id, event.site_id, event.metric_type.value,
        event.metric_name, event.value, event.unit, json.dumps(event.tags),
    )  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text is not None else None


def _box(box: Rectangle) -> list[float]:
    return [box.x1, box.y1, box.x2, box.y2]
