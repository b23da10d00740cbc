"""Decoded events into rows of the binary COPY format: pure, and as strict as the models of `alpr_schemas.events`.

Written by hand because every record passes here: the models take twice as long as Avro's decoding. A property test
holds both verdicts equal; what the database alone can judge (NUL, the length of a column), it judges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from alpr_plates.text import fold
from alpr_schemas import topics
from alpr_storage_consumer.binary_copy import (
    FALSE,
    NULL,
    TRUE,
    Integers,
    Texts,
    bigint,
    double,
    four_reals,
    jsonb,
    microseconds,
    row_head,
    text,
    timestamp,
    uuid,
    uuid_bytes,
)

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
COLUMNS: Final = {
    "plate_events": PLATE_COLUMNS, "vehicle_events": VEHICLE_COLUMNS, "metric_events": METRIC_COLUMNS,
}  # fmt: skip
TABLES: Final = {
    topics.PLATES: "plate_events", topics.VEHICLES: "vehicle_events", topics.METRICS: "metric_events",
}  # fmt: skip

LONGEST_PLATE, LONGEST_NAME = 20, 50
"""Characters."""
_PLATE_FIELDS = len(PLATE_COLUMNS)
CALENDAR_US = (
    microseconds("0001-01-01T00:00:00+00:00"), microseconds("9999-12-31T23:59:59.999999+00:00")
)  # fmt: skip
_METRIC_TYPES = frozenset({"FPS", "LATENCY", "GPU_UTIL", "MEMORY", "SERVICE_HEALTH", "KAFKA_LAG", "CUSTOM"})
_KEPT_FOLDS = 1 << 16


class Misfit(ValueError):
    """A decoded record that its model refuses; the text names the field."""


class Row(NamedTuple):
    """A row on its way.

    Attributes:
        line: the row in the binary COPY format, columns as in COLUMNS.
        key: the 16 bytes of its id.
        at_us: captured_at (measured_at), microseconds since 2000.
    """

    line: bytes
    key: bytes
    at_us: int


Decoded = Mapping[str, Any]
_texts, _integers = Texts(), Integers()


class _Folds(dict[str, bytes]):
    def __missing__(self, plate: str) -> bytes:
        if len(self) > _KEPT_FOLDS:
            self.clear()
        self[plate] = made = text(fold(plate))
        return made


_folds = _Folds()


def plate_row(event: Decoded) -> Row:
    """The row of a plate event. Raises Misfit."""
    texts, integers, plate, vehicle = _texts, _integers, event["plate"], event["vehicle"]
    images, node, extras = event["images"], event["node"], event["extras"] or _NO_EXTRAS
    key, at_us = _id("event_id", event["event_id"]), _time("captured_at", event["captured_at"])
    normalized = plate["normalized_text"]
    _check_plate(event["camera_id"], event["track_id"], plate["text"], normalized)
    fields = (
        row_head(_PLATE_FIELDS, key, at_us), texts[event["camera_id"]], text(event["track_id"]), text(plate["text"]),
        text(normalized), double(_share("plate.confidence", plate["confidence"])), texts[plate["region"]],
        texts[vehicle["type"]], texts[vehicle["make"]], texts[vehicle["model"]], texts[vehicle["color"]],
        text(images["plate_url"]), text(images["vehicle_url"]), text(images["frame_url"]),
        integers[event["latency_ms"]], double(extras["quality_score"]), integers[extras["frame_number"]],
        texts[node["site"]], texts[node["host"]], texts[extras["roi"]], texts[extras["direction"]],
        integers[event["revision"]], _folds[normalized], _candidates(event["candidates"]), integers[event["reads"]],
        _box(event["box"]), _seen("first_seen_at", event["first_seen_at"]),
        _seen("last_seen_at", event["last_seen_at"]), TRUE if event["resumed"] else FALSE,
        texts[event["source_epoch"]], texts[event["agent_id"]], texts[event["boot_id"]], bigint(event["seq"]),
        texts[event["detector_digest"]], texts[event["reader_digest"]],
    )  # fmt: skip
    return Row(b"".join(fields), key, at_us)


def vehicle_row(event: Decoded) -> Row:
    """The row of a vehicle event. Raises Misfit."""
    vehicle, tracking, node, texts = event["vehicle"], event["tracking"], event["node"], _texts
    key, at_us = _id("event_id", event["event_id"]), _time("captured_at", event["captured_at"])
    plate = event["plate_event_id"]
    fields = (
        row_head(len(VEHICLE_COLUMNS), key, at_us), texts[_named("camera_id", event["camera_id"])],
        text(_named("track_id", event["track_id"])), texts[vehicle["type"]], texts[vehicle["color"]],
        _box(vehicle["bbox"]), double(_share("vehicle.confidence", vehicle["confidence"])),
        texts[tracking["direction"]], double(tracking["speed_kmh"]), double(tracking["dwell_time_seconds"]),
        _seen("tracking.first_seen_at", tracking["first_seen_at"]),
        _seen("tracking.last_seen_at", tracking["last_seen_at"]), _integers[event["latency_ms"]],
        texts[node["site"]], texts[node["host"]], NULL if plate is None else uuid(_id("plate_event_id", plate)),
        TRUE if event["resumed"] else FALSE, texts[event["source_epoch"]], texts[event["agent_id"]],
        texts[event["boot_id"]], bigint(event["seq"]),
    )  # fmt: skip
    return Row(b"".join(fields), key, at_us)


def metric_row(event: Decoded) -> Row:
    """The row of a figure. Raises Misfit."""
    if event["metric_type"] not in _METRIC_TYPES:
        raise Misfit(f"metric_type: none of {sorted(_METRIC_TYPES)}")
    key, at_us, texts = _id("metric_id", event["metric_id"]), _time("timestamp", event["timestamp"]), _texts
    fields = (
        row_head(len(METRIC_COLUMNS), key, at_us), texts[event["host_id"]], texts[event["site_id"]],
        texts[event["metric_type"]], texts[event["metric_name"]], double(event["value"]), texts[event["unit"]],
        jsonb(event["tags"]),
    )  # fmt: skip
    return Row(b"".join(fields), key, at_us)


ROW_OF: Final[dict[str, Callable[[Decoded], Row]]] = {
    topics.PLATES: plate_row, topics.VEHICLES: vehicle_row, topics.METRICS: metric_row,
}  # fmt: skip
_NO_EXTRAS: Final = {"roi": None, "direction": None, "quality_score": None, "frame_number": None}


def _id(name: str, value: str) -> bytes:
    try:
        return uuid_bytes(value)
    except ValueError as e:
        raise Misfit(f"{name}: not a UUID") from e


def _time(name: str, value: str) -> int:
    try:
        return microseconds(value)
    except ValueError as e:
        raise Misfit(f"{name}: not an ISO 8601 time with its offset, as in 2026-01-02T03:04:05.000000+00:00") from e


def _seen(name: str, value: str | None) -> bytes:
    if value is None:
        return NULL
    at_us = _time(name, value)
    if not CALENDAR_US[0] <= at_us <= CALENDAR_US[1]:
        raise Misfit(f"{name}: a time that no UTC date can hold")
    return timestamp(at_us)


def _named(name: str, value: str, longest: int = LONGEST_NAME) -> str:
    if not 1 <= len(value) <= longest:
        raise Misfit(f"{name}: {len(value)} characters, and may have 1 to {longest}")
    return value


def _check_plate(camera: str, track: str, plate: str, normalized: str) -> None:
    """One condition for what is nearly always right; the field's name is looked for afterwards."""
    names = 0 < len(camera) <= LONGEST_NAME and 0 < len(track) <= LONGEST_NAME
    if names and 0 < len(plate) <= LONGEST_PLATE and 0 < len(normalized) <= LONGEST_PLATE:
        return
    _named("camera_id", camera)
    _named("track_id", track)
    _named("plate.text", plate, LONGEST_PLATE)
    _named("plate.normalized_text", normalized, LONGEST_PLATE)


def _share(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise Misfit(f"{name}: not within 0 to 1")
    return value


def _candidates(values: list[Decoded]) -> bytes:
    for value in values:
        if not 0 <= value["confidence"] <= 1:
            raise Misfit("candidates.confidence: not within 0 to 1")
    return jsonb(values)


def _box(value: Decoded | None) -> bytes:
    return NULL if value is None else four_reals((value["x1"], value["y1"], value["x2"], value["y2"]))
