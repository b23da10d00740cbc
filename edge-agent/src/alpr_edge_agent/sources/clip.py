"""Video files: read through once with every frame, or played like a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alpr_edge_agent.decode import Decoder, Hooks, Target
from alpr_edge_agent.errors import SourceUnavailable
from alpr_edge_agent.frames import FrameInfo
from alpr_edge_agent.sources import CameraFrame, Surroundings
from alpr_edge_agent.sources.clip_times import content_digest


class ClipSource:
    """One clip. Unpaced: epoch = content digest, times = the clip's start + PTS, so a second reading changes nothing.

    Paced (realtime, or looped): each run is an epoch of its own, dated by the wall clock, like a camera.
    """

    endless = False

    def __init__(self, path: Path, around: Surroundings, *, loop: bool, realtime: bool) -> None:
        self._path = path
        self._around = around
        self._loop = loop
        self.paced = realtime or loop
        self._runs = 0
        self._digest = ""

    def open(self) -> ClipFeed | None:
        """See `Source`."""
        if self._runs and not self._loop:
            return None
        self._runs += 1
        around = self._around
        self._digest = self._digest or _digest_of(self._path)
        decoder = around.open_decoder(around.decode, Target(str(self._path), live=False), Hooks(around.guard))
        if self.paced:
            start = datetime.fromtimestamp(around.wall_clock(), UTC)
            return ClipFeed(around, decoder, f"{self._digest}:{around.boot_id}:{self._runs}", start, paced=True)
        start = around.clip_times.start_of(self._path, self._digest, decoder.stream.created_at)
        return ClipFeed(around, decoder, self._digest, start, paced=False)


class ClipFeed:
    """One run through a clip."""

    def __init__(self, around: Surroundings, decoder: Decoder, epoch: str, start: datetime, *, paced: bool) -> None:
        self._around = around
        self._decoder = decoder
        self._start = start
        self._paced = paced
        self.epoch = epoch
        self.stream = decoder.stream

    def __iter__(self) -> Iterator[CameraFrame]:
        """See `Feed`."""
        began = time.monotonic()
        first_s: float | None = None
        for number, decoded in enumerate(self._decoder):
            first_s = decoded.pts_s if first_s is None else first_s
            media_s = decoded.pts_s - first_s
            if self._paced and self._around.stop.wait(max(0.0, began + media_s - time.monotonic())):
                return
            picture = decoded.picture
            moment = self._start + timedelta(seconds=round(media_s, 6))
            yield CameraFrame(
                FrameInfo(self._around.camera, self.epoch, number, moment, picture.width, picture.height), picture
            )

    def close(self) -> None:
        """See `Feed`."""
        self._decoder.close()


def _digest_of(path: Path) -> str:
    try:
        if path.stat().st_size == 0:
            raise SourceUnavailable(f"{path.name} is empty (0 bytes); replace it")
        return content_digest(path)
    except OSError as e:
        raise SourceUnavailable(f"{path.name}: {e.strerror}; correct source.url, or make the file readable") from e
