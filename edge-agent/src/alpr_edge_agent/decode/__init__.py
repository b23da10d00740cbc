"""Decoders turn a stream's bytes into pictures: the seam, and the one factory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, assert_never

from pydantic import PositiveFloat
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_edge_agent.errors import BackendUnavailable
from alpr_edge_agent.frames import BgrImage, GrayImage

BackendName = Literal["pyav", "pynvvideocodec", "gstreamer"]


class DecodeSettings(BaseSettings):
    """Which decoder runs, and how long it waits for the other side.

    Attributes:
        backend: pyav on any CPU; pynvvideocodec on discrete GPUs; gstreamer on Jetson.
        open_timeout_s: until the first bytes of a stream describe it.
        read_timeout_s: between two packets; a camera that is silent for longer counts as gone.
    """

    model_config = SettingsConfigDict(env_prefix="ALPR_DECODE_", extra="forbid", frozen=True)

    backend: BackendName = "pyav"
    open_timeout_s: PositiveFloat = 5.0
    read_timeout_s: PositiveFloat = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """What a decoder opens.

    Attributes:
        address: path or URL as the backend takes it; it may hold a password, so it is in no repr.
        live: pictures come when they come, and the end of the stream means that the camera is gone.
        transport: of RTSP.
        device: the driver's name, for local capture devices (`v4l2`).
    """

    address: str = field(repr=False)
    live: bool
    transport: Literal["tcp", "udp"] = "tcp"
    device: str | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What the stream says of itself; pixels, frames a second, and when a clip was taken (aware UTC)."""

    codec: str
    width: int
    height: int
    fps: float | None
    created_at: datetime | None = None


class Picture(Protocol):
    """A decoded picture, converted only where somebody looks."""

    @property
    def width(self) -> int:
        """Pixels."""

    @property
    def height(self) -> int:
        """Pixels."""

    def luma(self, step: int) -> GrayImage:
        """Brightness of every `step`-th pixel in both directions; a view where the format allows one."""

    def bgr(self) -> BgrImage:
        """The whole picture."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture and its presentation time, in seconds of the stream's own clock."""

    picture: Picture
    pts_s: float


Guard = Callable[[], AbstractContextManager[object]]
"""Entered around every native call, so that a crash can be charged to its camera."""

Arrival = Callable[[float, float], None]
"""Told of every packet: its presentation time (s), and how many seconds ago it arrived."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a decoder calls while it works."""

    guard: Guard = nullcontext
    arrived: Arrival = lambda _, __: None


class Decoder(Protocol):
    """Pictures of one stream, from now to its end."""

    stream: StreamInfo

    def __iter__(self) -> Iterator[Decoded]:
        """Every picture, in presentation order; ends with the stream. Blocks. Raises SourceUnavailable."""

    def close(self) -> None:
        """Let go of the stream; only the thread that iterates may call it."""


def open_decoder(settings: DecodeSettings, target: Target, hooks: Hooks = Hooks()) -> Decoder:
    """Open `target`; blocks for `open_timeout_s` at most.

    Raises:
        SourceUnavailable: it cannot be opened; the reason says what to do.
        BackendUnavailable: the chosen backend is not part of this installation.
    """
    match settings.backend:
        case "pyav":
            from alpr_edge_agent.decode.pyav import PyAvDecoder

            return PyAvDecoder(settings, target, hooks)
        case "pynvvideocodec":
            raise BackendUnavailable(
                "decode.backend: pynvvideocodec needs an NVIDIA GPU and is not part of this version; choose pyav"
            )
        case "gstreamer":
            raise BackendUnavailable(
                "decode.backend: gstreamer needs a Jetson's nvv4l2decoder and is not part of this version; choose pyav"
            )
        case _:
            assert_never(settings.backend)
