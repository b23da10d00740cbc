"""Evidence: plate and frame of the best shot, kept while a vehicle is in view, spooled when its plate settles."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from alpr_edge_agent.decode import Picture
from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.frames import BgrImage, Box
from alpr_edge_agent.outbox import SpooledImage
from alpr_images.keys import Kind, image_key
from alpr_schemas.events import PlateEvent, moment

FRAME_WIDTH_PX = 1280
CROP_MARGIN = 0.25
JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Shot:
    """The frame that shows a track best so far; decoded pixels, converted only when it is written."""

    picture: Picture
    box: Box


class Album:
    """The best shot of each track in view: one a track, so memory is bounded by what a picture can show."""

    def __init__(self) -> None:
        self._shots: dict[int, Shot] = {}

    def keep(self, track: int, shot: Shot) -> None:
        """`shot` shows `track` better than all before."""
        self._shots[track] = shot

    def of(self, track: int) -> Shot | None:
        """The best shot of `track`."""
        return self._shots.get(track)

    def drop(self, track: int) -> None:
        """`track` has left."""
        self._shots.pop(track, None)

    def __len__(self) -> int:
        return len(self._shots)


def plate_jpeg(image: BgrImage, box: Box) -> bytes:
    """The plate with a margin around it, as JPEG."""
    margin_x, margin_y = CROP_MARGIN * box.width, CROP_MARGIN * box.height
    height, width = image.shape[:2]
    left, right = max(0, int(box.x1 - margin_x)), min(width, round(box.x2 + margin_x + 1))
    top, bottom = max(0, int(box.y1 - margin_y)), min(height, round(box.y2 + margin_y + 1))
    return _jpeg(image[top : max(bottom, top + 1), left : max(right, left + 1)])


def frame_jpeg(image: BgrImage) -> bytes:
    """The whole frame, at most 1280 wide, as JPEG."""
    height, width = image.shape[:2]
    if width > FRAME_WIDTH_PX:
        size = (FRAME_WIDTH_PX, max(1, round(height * FRAME_WIDTH_PX / width)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _jpeg(image)


def spool(folder: Path, event: PlateEvent, site: str, shot: Shot) -> tuple[SpooledImage, ...]:
    """Write both pictures of `event` durably below `folder`. Blocks for two fsyncs. Raises OSError."""
    image = shot.picture.bgr()
    pictures: tuple[tuple[Kind, bytes], ...] = (("plate", plate_jpeg(image, shot.box)), ("frame", frame_jpeg(image)))
    return tuple(_spooled(folder, event, site, kind, data) for kind, data in pictures)


def sweep(folder: Path, waiting: set[Path]) -> int:
    """Delete pictures that no row waits for: a crash fell between the write and the row. How many there were."""
    orphans = [path for path in folder.glob("*") if path.is_file() and path not in waiting]
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def _spooled(folder: Path, event: PlateEvent, site: str, kind: Kind, data: bytes) -> SpooledImage:
    path = folder / f"{event.event_id}-{kind}.jpg"
    write_durably(path, data)
    key = image_key(site, moment(event.captured_at), event.event_id, kind)
    return SpooledImage(key, event.event_id, kind, path, hashlib.sha256(data).hexdigest(), len(data))


def _jpeg(image: BgrImage) -> bytes:
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise OSError("the picture could not be written as JPEG")
    return bytes(data)
