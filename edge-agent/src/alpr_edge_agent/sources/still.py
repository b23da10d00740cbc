"""Photos: each one a feed of one frame."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from alpr_edge_agent.decode import StreamInfo
from alpr_edge_agent.errors import PhotoError, SourceUnavailable
from alpr_edge_agent.frames import BgrImage, FrameInfo, GrayImage
from alpr_edge_agent.photos import load_photo
from alpr_edge_agent.sources import CameraFrame, Surroundings
from alpr_edge_agent.sources.clip_times import content_digest

_EXIF_SUB_IFD = 0x8769
_TAKEN, _OFFSET = 0x9003, 0x9011


class StillSource:
    """One photo."""

    endless = False
    paced = False

    def __init__(self, path: Path, around: Surroundings) -> None:
        self._path = path
        self._around = around
        self._given = False

    def open(self) -> StillFeed | None:
        """See `Source`."""
        if self._given:
            return None
        self._given = True
        try:
            digest = content_digest(self._path)
            with self._around.guard():
                image = load_photo(self._path)
                taken = _taken_at(self._path)
        except PhotoError as e:
            raise SourceUnavailable(str(e)) from e
        except OSError as e:
            raise SourceUnavailable(f"{self._path.name}: {e.strerror}; make the file readable") from e
        return StillFeed(
            self._around.camera, digest, image, self._around.clip_times.start_of(self._path, digest, taken)
        )


class StillFeed:
    """One photo as a feed; its epoch is its content digest."""

    def __init__(self, camera: str, epoch: str, image: BgrImage, taken_at: datetime) -> None:
        self.epoch = epoch
        height, width = image.shape[:2]
        self.stream = StreamInfo("photo", width, height, None)
        self._image = image
        self._info = FrameInfo(camera, epoch, 0, taken_at, width, height)

    def __iter__(self) -> Iterator[CameraFrame]:
        """See `Feed`."""
        yield CameraFrame(self._info, ArrayPicture(self._image), still=True)

    def close(self) -> None:
        """See `Feed`."""


class ArrayPicture:
    """A picture that is pixels already."""

    def __init__(self, image: BgrImage) -> None:
        self._image = image

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self._image.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self._image.shape[0])

    def luma(self, step: int) -> GrayImage:
        """See `Picture`."""
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(self._image[::step, ::step]), cv2.COLOR_BGR2GRAY), np.uint8)

    def bgr(self) -> BgrImage:
        """See `Picture`."""
        return self._image


def _taken_at(path: Path) -> datetime | None:
    """EXIF's DateTimeOriginal; UTC where no offset stands beside it."""
    try:
        with Image.open(path) as photo:
            exif = photo.getexif().get_ifd(_EXIF_SUB_IFD)
        local = datetime.strptime(str(exif[_TAKEN]), "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
        return local - _offset(str(exif.get(_OFFSET, "+00:00")))
    except (OSError, KeyError, ValueError, SyntaxError):
        return None


def _offset(text: str) -> timedelta:
    hours, _, minutes = text.strip("\0 ").partition(":")
    sign = -1 if hours.startswith("-") else 1
    return timedelta(hours=int(hours), minutes=sign * int(minutes or 0))
