"""Sources give a camera's pictures with their times: RTSP, ONVIF, USB, clips, photos, folders; and the one factory.

A source gives feeds, one after the other: a live camera a feed a connection, a clip one (or one a loop), a folder one a
file. Within a feed times rise and the epoch stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event as StopFlag
from typing import Protocol, assert_never

from alpr_edge_agent.decode import Decoder, DecodeSettings, Guard, Hooks, Picture, StreamInfo, Target
from alpr_edge_agent.frames import FrameInfo
from alpr_edge_agent.sources.clip_times import ClipTimes
from alpr_schemas import resources
from alpr_schemas.resources import AssignedCamera


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """A decoded frame on its way to the analysis; `still` where it is a photo and no other frame shows the same."""

    info: FrameInfo
    picture: Picture
    still: bool = False


class Feed(Protocol):
    """Pictures of one epoch without a break; `stream` is what the stream says of itself."""

    epoch: str
    stream: StreamInfo

    def __iter__(self) -> Iterator[CameraFrame]:
        """Every frame, in time order. Blocks. Raises SourceUnavailable."""

    def close(self) -> None:
        """Let go; only the thread that iterates may call it."""


class Source(Protocol):
    """Gives a camera's feeds.

    Attributes:
        endless: a camera: the end of a feed is a disconnect, and the next `open` connects again.
        paced: frames come at their own speed, and late ones are dropped; otherwise every frame is wanted.
    """

    endless: bool
    paced: bool

    def open(self) -> Feed | None:
        """The next feed; None after the last. Blocks. Raises SourceUnavailable: this feed is not to be had."""


@dataclass(frozen=True, slots=True)
class Login:
    """User and password of a camera; in no repr."""

    username: str = field(repr=False)
    password: str = field(repr=False)


OpenDecoder = Callable[[DecodeSettings, Target, Hooks], Decoder]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every source of a pipeline shares.

    Attributes:
        boot_id: the epoch of live sources.
        stop: set when the camera is taken away; ends waits.
        guard: entered around native calls.
    """

    camera: str
    boot_id: str
    decode: DecodeSettings
    open_decoder: OpenDecoder
    clip_times: ClipTimes
    stop: StopFlag
    guard: Guard
    wall_clock: Callable[[], float] = time.time


def open_source(camera: AssignedCamera, login: Login | None, around: Surroundings) -> Source:
    """The source that `camera` describes; connects nothing yet. Raises SourceUnavailable: no such address."""
    from alpr_edge_agent.sources.live import LiveSource, rtsp_target, usb_target
    from alpr_edge_agent.sources.path import path_source

    source = camera.config.source
    match source.protocol:
        case resources.Protocol.RTSP:
            return LiveSource(around, lambda: rtsp_target(source.url, login, source.transport))
        case resources.Protocol.ONVIF:
            from alpr_edge_agent.sources.onvif import stream_address

            return LiveSource(around, lambda: rtsp_target(stream_address(source.url, login), login, source.transport))
        case resources.Protocol.USB:
            return LiveSource(around, lambda: usb_target(source.url))
        case resources.Protocol.FILE:
            return path_source(source.url, around, loop=source.loop, realtime=source.realtime)
        case _:
            assert_never(source.protocol)


__all__ = [
    "CameraFrame",
    "Feed",
    "Login",
    "OpenDecoder",
    "Source",
    "Surroundings",
    "open_source",
]
