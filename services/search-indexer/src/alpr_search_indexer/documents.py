"""Events and rows of the database as documents, and documents as lines of `_bulk`: pure.

An event that came by Kafka and the row that the storage consumer made of it give the same bytes, but for `indexed_at`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import orjson

from alpr_plates.text import fold
from alpr_search_indexer.errors import Unfit
from alpr_search_indexer.indices import Month

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
"""A clock may be this much ahead of ours."""
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it; an even number of backslashes before it are text
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One document on its way: `data` is its action and source, as `_bulk` takes them.

    Attributes:
        month: where it belongs.
        version: the event's revision.
    """

    event_id: str
    month: Month
    version: int
    captured_at: datetime
    data: bytes


def of_event(event: Mapping[str, Any], now: datetime) -> Document:
    """The document of a decoded `PlateEvent`. Raises Unfit for ids and times that no index should hold."""
    plate = event["plate"]
    _check(event["camera_id"], event["track_id"], plate)
    return {
        "camera_id": event["camera_id"],
        "track_id": event["track_id"],
        "vehicle": event["vehicle"],
        "images": event["images"],
        "latency_ms": event["latency_ms"],
        "node": event["node"],
        "revision": event["revision"],
        "candidates": event["candidates"],
        "reads": event["reads"],
        "box": event["box"],
        "resumed": event["resumed"],
        "source_epoch": event["source_epoch"],
        "agent_id": event["agent_id"],
        "boot_id": event["boot_id"],
        "seq": event["seq"],
        "detector_digest": event["detector_digest"],
        "reader_digest": event["reader_digest"],
        "event_id": _identifier(event["event_id"]),
        "captured_at": _captured(event["captured_at"], now),
        "plate": {**plate, "folded": fold(plate["normalized_text"])},
        "extras": event["extras"] or _NO_EXTRAS,
        "first_seen_at": _moment("first_seen_at", event["first_seen_at"]),
        "last_seen_at": _moment("last_seen_at", event["last_seen_at"]),
        "indexed_at": now,
    }


_NO_EXTRAS = {"roi": None, "direction": None, "quality_score": None, "frame_number": None}


ROW_COLUMNS = (
    "event_id", "captured_at", "camera_id", "track_id", "plate_text", "plate_normalized_text", "plate_confidence",
    "plate_region", "vehicle_type", "vehicle_make", "vehicle_model", "vehicle_color", "plate_image_url",
    "vehicle_image_url", "frame_image_url", "latency_ms", "quality_score", "frame_number", "site_id", "host_id", "roi",
    "direction", "revision", "plate_folded", "candidates", "reads", "box", "first_seen_at", "last_seen_at", "resumed",
    "source_epoch", "agent_id", "boot_id", "seq", "detector_digest", "reader_digest",
)  # fmt: skip
"""The columns of `plate_events` that `of_row` reads, in its order; `candidates` as text."""


def of_row(row: Sequence[Any], now: datetime) -> Document:
    """The document of a row of ROW_COLUMNS: the same that `of_event` made of the event."""
    (
        event_id, captured_at, camera_id, track_id, text, normalized, confidence, region, kind, make, model, color,
        plate_url, vehicle_url, frame_url, latency_ms, quality, frame, site, host, roi, direction, revision, folded,
        candidates, reads, box, first_seen, last_seen, resumed, epoch, agent, boot, seq, detector, reader,
    ) = row  # fmt: skip
    return {
        "camera_id": camera_id,
        "track_id": track_id,
        "vehicle": {"type": kind, "make": make, "model": model, "color": color},
        "images": {"plate_url": plate_url, "vehicle_url": vehicle_url, "frame_url": frame_url},
        "latency_ms": latency_ms,
        "node": {"site": site, "host": host},
        "revision": revision,
        "candidates": orjson.loads(candidates),
        "reads": reads,
        "box": dict(zip(("x1", "y1", "x2", "y2"), box, strict=True)) if box else None,
        "resumed": resumed,
        "source_epoch": epoch,
        "agent_id": agent,
        "boot_id": boot,
        "seq": seq,
        "detector_digest": detector,
        "reader_digest": reader,
        "event_id": str(event_id),
        "captured_at": captured_at,
        "plate": {
            "text": text, "normalized_text": normalized, "confidence": confidence, "region": region, "folded": folded,
        },
        "extras": {"roi": roi, "direction": direction, "quality_score": quality, "frame_number": frame},
        "first_seen_at": first_seen,
        "last_seen_at": last_seen,
        "indexed_at": now,
    }  # fmt: skip


def line(document: Document, written: Callable[[Month], str]) -> Line:
    """`document` as action and source for the alias that `written` gives its month. Raises Unfit for broken text."""
    captured_at = document["captured_at"]
    month = _month(captured_at.year, captured_at.month)
    event_id, version = document["event_id"], max(document["revision"], 0)  # the engine knows no versions below 0
    try:
        source = orjson.dumps(document)
    except TypeError as e:  # orjson's word for text that is no Unicode, and for numbers beyond 64 bits
        raise Unfit("event: a text that is no Unicode or a number beyond 64 bits") from e
    if rb"\u0000" in source and _NUL.search(source):
        raise Unfit("event: a text with a NUL character, which no database keeps")
    data = b"%b%b\n" % (action(written(month), event_id, version), source)
    return Line(event_id, month, version, captured_at, data)


def action(alias: str, event_id: str, version: int) -> bytes:
    """The line before a document: what is there in the same or a newer revision stays as it is."""
    return (
        f'{{"index":{{"_index":"{alias}","_id":"{event_id}","version":{version},"version_type":"external"}}}}\n'
    ).encode()


def _check(camera: str, track: str, plate: Mapping[str, Any]) -> None:
    """What the database would refuse, the index shall not have; one condition for what is nearly always right."""
    text, normalized = plate["text"], plate["normalized_text"]
    fits = 0 < len(camera) <= 50 and 0 < len(track) <= 50 and 0 < len(text) <= 20 and 0 < len(normalized) <= 20
    if not fits:
        raise Unfit("camera_id and track_id have 1 to 50 characters, plate.text and plate.normalized_text 1 to 20")
    if not 0 <= plate["confidence"] <= 1:
        raise Unfit("plate.confidence: not within 0 to 1")


_month = cache(Month)  # a batch has one or two


def _identifier(text: Any) -> str:
    try:
        return text if _UUID.fullmatch(text) else str(UUID(text))
    except (ValueError, AttributeError, TypeError) as e:
        raise Unfit("event_id: no UUID") from e


def _captured(text: Any, now: datetime) -> datetime:
    moment = _moment("captured_at", text)
    if moment is None or not EARLIEST <= moment <= now + AHEAD:
        raise Unfit("captured_at: before the year 2000 or more than 5 minutes ahead; is the agent's clock right?")
    return moment


def _moment(name: str, text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise Unfit(f"{name}: a time needs its offset, as in 2026-01-02T03:04:05.000000+00:00")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, TypeError) as e:
        raise Unfit(f"{name}: no time as ISO 8601 writes it") from e
