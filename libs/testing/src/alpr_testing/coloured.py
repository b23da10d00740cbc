"""Clips with coloured plates, which ten lines find and read without any model: for tests of the path itself.

Each frame carries its number as ten black or white squares in its first 16 rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]

TEXTS: Final[dict[str, tuple[int, int, int]]] = {
    "RED111": (30, 30, 230),
    "GRN222": (30, 230, 30),
    "BLU333": (230, 30, 30),
    "YEL444": (30, 230, 230),
    "CYA555": (230, 230, 30),
    "MAG666": (230, 30, 230),
}
_BITS: Final = 10
_SQUARE: Final = 32
_CODE_ROWS: Final = 16


@dataclass(frozen=True, slots=True)
class Passing:
    """A plate that drives from left to right, in view in frames `first` to `first + frames - 1`."""

    text: str
    first: int
    frames: int = 20


def write_clip(
    path: Path,
    passes: Sequence[Passing],
    *,
    frames: int = 60,
    fps: int = 15,
    codec: str = "libx264",
    size: tuple[int, int] = (640, 360),
) -> Path:
    """A clip of `frames` frames with `passes` in it; a key frame every second; returns `path`."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"g": str(fps), "preset": "ultrafast", "x265-params": "log-level=none"}
        stream.codec_context.thread_count = 1
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, passes, size), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def picture(number: int, passes: Sequence[Passing], size: tuple[int, int] = (640, 360)) -> Pixels:
    """Frame `number`: BGR, with the plates that are in view."""
    width, height = size
    image = np.full((height, width, 3), 70, np.uint8)
    image[:_CODE_ROWS] = 0
    for bit in range(_BITS):
        if number >> bit & 1:
            image[:_CODE_ROWS, bit * _SQUARE : (bit + 1) * _SQUARE] = 255
    for lane, each in enumerate(passes):
        step = number - each.first
        if 0 <= step < each.frames:
            x = int((width - 120) * step / each.frames)
            y = 40 + 60 * (lane % max(1, (height - 80) // 60))
            image[y : y + 40, x : x + 120] = TEXTS[each.text]
    return image


def number_of(luma: Pixels) -> int:
    """The frame number out of a picture's brightness."""
    row = luma[_CODE_ROWS // 4]
    return sum(1 << bit for bit in range(_BITS) if row[bit * _SQUARE + _SQUARE // 2] > 128)


def find(image: Pixels) -> list[Box]:
    """The coloured plates of `image` as xyxy; they must not touch."""
    import cv2

    blue, green, red = cv2.split(image)
    most, least = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    bright = (np.asarray(most) > 150) & (np.asarray(cv2.subtract(most, least)) > 90)
    bright[:_CODE_ROWS] = False
    count, _, stats, _ = cv2.connectedComponentsWithStats(bright.astype(np.uint8))
    boxes = [tuple(int(value) for value in stats[label][:4]) for label in range(1, count) if stats[label][4] > 400]
    return [(x, y, x + width, y + height) for x, y, width, height in boxes]


def read(image: Pixels, box: Box) -> str:
    """The text of the plate in `box`: the nearest of the six colours."""
    x1, y1, x2, y2 = box
    colour = (
        image[(y1 + y2) // 2 - 4 : (y1 + y2) // 2 + 4, (x1 + x2) // 2 - 8 : (x1 + x2) // 2 + 8].reshape(-1, 3).mean(0)
    )
    return min(TEXTS, key=lambda text: float(np.abs(colour - np.array(TEXTS[text])).sum()))
