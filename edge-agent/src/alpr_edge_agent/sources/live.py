"""Cameras: RTSP and USB. One epoch a boot, times by the wall clock, reconnected for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import quote, urlsplit

from alpr_edge_agent.decode import Decoder, Hooks, Target
from alpr_edge_agent.errors import SourceUnavailable
from alpr_edge_agent.frames import FrameInfo
from alpr_edge_agent.sources import CameraFrame, Login, Surroundings
from alpr_edge_agent.sources.stream_clock import StreamClock


class LiveSource:
    """A camera that gives pictures as they happen; `target` is asked at each connection, as addresses may move."""

    endless = True
    paced = True

    def __init__(self, around: Surroundings, target: Callable[[], Target]) -> None:
        self._around = around
        self._target = target
        self._frames = 0

    def open(self) -> LiveFeed:
        """Connect. See `Source`."""
        clock = StreamClock()
        around = self._around
        hooks = Hooks(around.guard, lambda pts_s, age_s: clock.arrived(pts_s, around.wall_clock() - age_s))
        return LiveFeed(around, around.open_decoder(around.decode, self._target(), hooks), clock, self._next_number)

    def _next_number(self) -> int:
        self._frames += 1
        return self._frames - 1


class LiveFeed:
    """One connection."""

    def __init__(
        self, around: Surroundings, decoder: Decoder, clock: StreamClock, next_number: Callable[[], int]
    ) -> None:
        self._around = around
        self._decoder = decoder
        self._clock = clock
        self._next_number = next_number
        self.epoch = around.boot_id
        self.stream = decoder.stream

    def __iter__(self) -> Iterator[CameraFrame]:
        """See `Feed`."""
        for decoded in self._decoder:
            picture = decoded.picture
            moment = self._clock.captured_at(decoded.pts_s)
            info = FrameInfo(
                self._around.camera, self.epoch, self._next_number(), moment, picture.width, picture.height
            )
            yield CameraFrame(info, picture)

    def close(self) -> None:
        """See `Feed`."""
        self._decoder.close()


def rtsp_target(url: str, login: Login | None, transport: Literal["tcp", "udp"]) -> Target:
    """`url` with the login in it, percent-encoded, as FFmpeg wants it; it must go no further than the decoder."""
    parts = urlsplit(url)
    if parts.scheme not in {"rtsp", "rtsps"} or not parts.hostname:
        raise SourceUnavailable("source.url is no RTSP address; write it as rtsp://host:554/path")
    if login is not None:
        host = parts.netloc.rpartition("@")[2]
        user_info = f"{quote(login.username, safe='')}:{quote(login.password, safe='')}"
        parts = parts._replace(netloc=f"{user_info}@{host}")
    return Target(parts.geturl(), live=True, transport=transport)


def usb_target(url: str) -> Target:
    """The V4L2 device of usb:///dev/video0, usb://video0 or usb://0."""
    parts = urlsplit(url)
    name = f"{parts.netloc}{parts.path}".removeprefix("/dev/").strip("/")
    device = f"/dev/video{name}" if name.isdigit() else f"/dev/{name}"
    if not name or ".." in name:
        raise SourceUnavailable("source.url names no device; write it as usb:///dev/video0")
    return Target(device, live=True, device="v4l2")
