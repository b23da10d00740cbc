"""Clips on disk: frames through a real encoder, and the truth beside them."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import av

from alpr_simulator.scene import Scene, Simulation
from alpr_simulator.truth import Truth

Codec = Literal["h264", "h265"]

_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    # What a camera's encoder does: one key frame every two seconds, no B-frames, little look-ahead.
    "h264": ("libx264", {"preset": "superfast", "tune": "zerolatency", "profile": "high"}),
    "h265": ("libx265", {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none:pools=1"}),
}
_BITS_PER_PIXEL = {"h264": 0.12, "h265": 0.08}


def truth_path(clip: Path) -> Path:
    """Where the truth of `clip` lies."""
    return clip.with_name(f"{clip.stem}.truth.json")


def render(
    scene: Scene,
    path: Path,
    codec: Codec = "h264",
    bit_rate: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Truth:
    """Write the clip to `path` (mp4) and its truth beside it; both appear complete or not at all. Blocks.

    Args:
        scene: what to show.
        path: of the clip; its folder must exist.
        codec: the video codec.
        bit_rate: bits a second; None: what cameras use for this size and rate.
        progress: told after each frame how many more are done, that is 1.
    """
    simulation = Simulation(scene)
    rate = bit_rate or round(scene.width * scene.height * scene.fps * _BITS_PER_PIXEL[codec])
    beside = truth_path(path)
    unfinished, part = (file.with_name(f".{file.name}.{os.getpid()}.part") for file in (path, beside))
    try:
        _encode(simulation, unfinished, codec, rate, progress or (lambda _: None))
        part.write_text(simulation.truth.to_json(), "utf-8")
        part.replace(beside)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return simulation.truth


def _encode(simulation: Simulation, path: Path, codec: Codec, bit_rate: int, progress: Callable[[int], None]) -> None:
    scene = simulation.scene
    encoder, options = _ENCODERS[codec]
    fps = Fraction(scene.fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = cast("av.VideoStream", container.add_stream(encoder, rate=fps, options=options))
        stream.width, stream.height, stream.pix_fmt = scene.width, scene.height, "yuv420p"
        stream.bit_rate, stream.gop_size = bit_rate, max(1, round(2 * scene.fps))
        stream.thread_count = 1
        for image in simulation.frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
            progress(1)
        container.mux(stream.encode(None))
