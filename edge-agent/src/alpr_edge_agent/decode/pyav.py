"""PyAV: FFmpeg's demuxers and decoders on the CPU, one thread a stream."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import av
import cv2
import numpy as np

from alpr_edge_agent.decode import Decoded, DecodeSettings, Hooks, StreamInfo, Target
from alpr_edge_agent.decode.failures import translated
from alpr_edge_agent.errors import SourceUnavailable
from alpr_edge_agent.frames import BgrImage, GrayImage

MAX_BACKLOG_S = 3.0
MAX_BACKLOG_PACKETS = 256
MAX_BAD_PACKETS = 250
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
_TORN = "no picture in it can be decoded; the video is corrupt, or the line loses too much"
_PLANAR_LUMA = ("yuv", "yuvj", "nv", "gray")


class PyAvPicture:
    """A frame of FFmpeg's; upright, as its display matrix asks for."""

    def __init__(self, frame: Any, turn: int | None) -> None:
        self._frame = frame
        self._turn = turn

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self._frame.height if self._sideways else self._frame.width)

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self._frame.width if self._sideways else self._frame.height)

    def luma(self, step: int) -> GrayImage:
        """See `Picture`."""
        return self._upright(self._luma_plane()[::step, ::step])

    def bgr(self) -> BgrImage:
        """See `Picture`."""
        return self._upright(self._frame.to_ndarray(format="bgr24", threads=1))

    @property
    def _sideways(self) -> bool:
        return self._turn in {cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE}

    def _upright(self, pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
        if self._turn is None:
            return pixels
        return np.asarray(cv2.rotate(np.ascontiguousarray(pixels), self._turn), np.uint8)

    def _luma_plane(self) -> GrayImage:
        kind = self._frame.format
        if not kind.name.startswith(_PLANAR_LUMA) or kind.components[0].bits != 8 or kind.name in {"yuyv422", "yuvyu"}:
            return np.asarray(self._frame.to_ndarray(format="gray", threads=1), np.uint8)
        plane = self._frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        return rows[: self._frame.height, : self._frame.width]


class PyAvDecoder:
    """Decodes one stream in the thread that iterates; FFmpeg adds no threads of its own."""

    def __init__(self, settings: DecodeSettings, target: Target, hooks: Hooks) -> None:
        self._target = target
        self._hooks = hooks
        self._settings = settings
        with translated(settings, target), hooks.guard():
            self._container = av.open(
                target.address,
                format=target.device,
                options=_options(target, settings),
                timeout=(settings.open_timeout_s, settings.read_timeout_s),
            )
        if not self._container.streams.video:
            self.close()
            raise SourceUnavailable("there is no video in it; give a stream or a file that has pictures")
        self._stream: Any = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1
        self._stream.codec_context.thread_type = "SLICE"
        self.stream = _stream_info(self._container, self._stream)

    def __iter__(self) -> Iterator[Decoded]:
        """See `Decoder`."""
        bad_in_a_row, good = 0, 0
        for packet in self._packets():
            frames = self._frames(packet)
            bad_in_a_row = bad_in_a_row + 1 if frames is None else 0
            if bad_in_a_row > MAX_BAD_PACKETS:
                raise SourceUnavailable(_TORN)
            for frame in frames or ():
                if frame.pts is not None:
                    good += 1
                    yield Decoded(PyAvPicture(frame, _TURNS.get(round(frame.rotation) % 360)), float(frame.time))
        if not good:
            raise SourceUnavailable(_TORN)

    def close(self) -> None:
        """See `Decoder`."""
        self._container.close()

    def _frames(self, packet: Any) -> list[Any] | None:
        """None for a torn packet: one is no reason to give a camera up."""
        try:
            with translated(self._settings, self._target), self._hooks.guard():
                return list(packet.decode())
        except SourceUnavailable:
            return None

    def _packets(self) -> Iterator[Any]:
        timed = self._demuxed()
        return _caught_up(timed) if self._target.live else (packet for packet, _ in timed)

    def _demuxed(self) -> Iterator[tuple[Any, float]]:
        before: float | None = None
        with translated(self._settings, self._target) as watch:
            for packet in self._container.demux(self._stream):
                watch.restart()
                now = time.monotonic()
                if packet.pts is not None:
                    age_s = now - before if before is not None and self._parsed_late else 0.0
                    self._hooks.arrived(float(packet.pts * packet.time_base), age_s)
                before = now
                yield packet, now

    @property
    def _parsed_late(self) -> bool:
        """Over RTP FFmpeg knows that a picture is whole only by the first bytes of the next one, and gives it then."""
        return self._target.live and not self._target.device and self.stream.codec in {"h264", "hevc"}


def _caught_up(timed: Iterable[tuple[Any, float]]) -> Iterator[Any]:
    """Packets, but first all that piled up while the stream was opened: decoding them late would date them late."""
    source = iter(timed)
    backlog: list[Any] = []
    began = last = time.monotonic()
    for packet, now in source:
        backlog.append(packet)
        waited = now - last
        if waited > 0.5 * _length_s(packet) or now - began > MAX_BACKLOG_S or len(backlog) >= MAX_BACKLOG_PACKETS:
            break
        last = now
    yield from backlog
    backlog.clear()
    for packet, _ in source:
        yield packet


def _length_s(packet: Any) -> float:
    return float(packet.duration * packet.time_base) if packet.duration and packet.time_base else 0.02


def _options(target: Target, settings: DecodeSettings) -> dict[str, str]:
    if target.device:
        return {"timestamps": "abs"}
    if not target.address.startswith(("rtsp://", "rtsps://")):
        return {"protocol_whitelist": "file"}
    return {
        "rtsp_transport": target.transport,
        # FFmpeg's own socket time-out comes out as "invalid data"; PyAV's, which is shorter, as what it is.
        "timeout": str(int((settings.open_timeout_s + settings.read_timeout_s) * 1e6)),
        "analyzeduration": "200000",
        "max_delay": "100000",  # how long UDP waits for a packet that was overtaken
        "allowed_media_types": "video",
    }


def _stream_info(container: Any, stream: Any) -> StreamInfo:
    context = stream.codec_context
    rate = stream.average_rate or stream.guessed_rate
    return StreamInfo(
        codec=str(context.name),
        width=int(context.width),
        height=int(context.height),
        fps=float(rate) if rate else None,
        created_at=_created_at(container.metadata.get("creation_time") or stream.metadata.get("creation_time")),
    )


def _created_at(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if moment.year > 1970 else None  # cameras without a clock write their zero
