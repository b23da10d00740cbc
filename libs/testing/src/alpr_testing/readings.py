"""Readings for tests: events as an agent sends them, and what keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from alpr_schemas import codec
from alpr_schemas.events import Candidate, Extras, Images, Node, Plate, PlateEvent, Rectangle, Vehicle
from alpr_schemas.identity import event_id, iso

START: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def reading(number: int, plate: str = "AB12CDE", *, at: datetime | None = None, **more: Any) -> PlateEvent:
    """Reading `number`, a minute after the one before; `more` are fields of PlateEvent."""
    at = at or START + timedelta(minutes=number)
    camera = str(more.get("camera_id", "gate"))
    key = str(event_id(at, "north", camera, "epoch", f"t-{number}"))
    folder = f"north/{at:%Y/%m/%d}/{key}"
    given = {
        "event_id": key,
        "captured_at": iso(at),
        "camera_id": camera,
        "track_id": f"t-{number}",
        "plate": Plate(text=plate, normalized_text=plate, confidence=0.9, region="GB"),
        "vehicle": Vehicle(type="car", color="red"),
        "images": Images(plate_url=f"{folder}/plate.jpg", frame_url=f"{folder}/frame.jpg"),
        "latency_ms": 120,
        "node": Node(site="north", host="node-1"),
        "extras": Extras(quality_score=0.5, frame_number=7, direction="N"),
        "candidates": (Candidate(text=plate, confidence=0.9), Candidate(text=f"{plate[:-1]}X", confidence=0.05)),
        "reads": 9,
        "box": Rectangle(x1=10, y1=20, x2=110, y2=60),
        "seq": number,
        "agent_id": "node-1",
        "boot_id": "boot",
    }
    return PlateEvent.model_validate({**given, **more})


def store_all(dsn: str, events: Sequence[PlateEvent]) -> None:
    """Store `events` as the storage consumer does."""
    from alpr_kafka.records import Record
    from alpr_storage_consumer.handler import DirectHandler

    handler = DirectHandler(dsn)
    try:
        handler.store([Record(codec.topic_of(event), codec.encode(event)) for event in events])
    finally:
        handler.close()


def picture(text: str, size: tuple[int, int] = (240, 60)) -> bytes:
    """A JPEG with `text` on it."""
    import cv2
    import numpy as np

    width, height = size
    image = np.full((height, width, 3), (60, 200, 240), np.uint8)
    scale = height / 45
    cv2.putText(image, text, (8, int(height * 0.72)), cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 20), 3)
    return bytes(cv2.imencode(".jpg", image)[1])
