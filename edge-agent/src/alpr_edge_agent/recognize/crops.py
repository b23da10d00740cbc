"""Cutting a plate out of its picture: pure functions on pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.frames import BgrImage, Box, GrayImage
from alpr_edge_agent.recognize import Treatment

_PROBE_HEIGHT = 64
_SLOPES = np.linspace(-0.2, 0.2, 21)
_EMPTY_ROW = 0.4
"""Rows with less than this share of the text rows' edges are space between lines."""


def cut(image: BgrImage, box: Box, treatment: Treatment) -> BgrImage | None:
    """The plate at `box`, treated; None where nothing of the box lies within the picture."""
    grown = tuple(min(0.0, share) for share in treatment.inset)
    crop = window(image, _shrunk(box, grown if treatment.deskew else treatment.inset))
    if crop is None or not treatment.deskew:
        return crop
    level = sheared(crop, slope(crop))
    if treatment.tallest_line:
        return tallest_line(level)
    left = tuple(max(0.0, share) for share in treatment.inset)
    height, width = level.shape[:2]
    return window(level, _shrunk(Box(0, 0, width, height), left))


def window(image: BgrImage, box: Box) -> BgrImage | None:
    """The whole pixels that `box` touches; None where there are none."""
    height, width = image.shape[:2]
    x1, y1 = max(0, int(np.floor(box.x1))), max(0, int(np.floor(box.y1)))
    x2, y2 = min(width, int(np.ceil(box.x2))), min(height, int(np.ceil(box.y2)))
    return image[y1:y2, x1:x2] if x1 < x2 and y1 < y2 else None


def slope(crop: BgrImage) -> float:
    """How far rows of characters fall, in pixels a pixel to the right: levelling them sharpens the row profile."""
    gray = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)
    width = max(8, min(4 * 160, round(gray.shape[1] * _PROBE_HEIGHT / gray.shape[0])))
    edges = _edges(np.asarray(cv2.resize(gray, (width, _PROBE_HEIGHT)), np.uint8))
    # A level plate is the likeliest: a steeper slope has to win clearly.
    sharpness = [float(np.var(_sheared(edges, s).sum(axis=1))) * (1 - 0.3 * abs(s)) for s in _SLOPES]
    return -float(_SLOPES[int(np.argmax(sharpness))])


def sheared(crop: BgrImage, fall: float) -> BgrImage:
    """`crop` with its columns shifted so that rows that fall by `fall` become level; its middle column stays."""
    return np.asarray(_sheared(crop, -fall), np.uint8)


def tallest_line(crop: BgrImage) -> BgrImage:
    """The tallest band of rows full of vertical edges, with a little air; `crop` itself where no band stands out."""
    gray = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)
    height = len(gray)
    profile = _smoothed(_edges(gray).mean(axis=1), max(1, height // 12) | 1)
    text = float(np.median(np.sort(profile)[-max(1, height // 3) :]))
    start, end = _longest_run(profile > _EMPTY_ROW * text)
    if end - start < 0.35 * height:
        return crop
    air = round(0.03 * (end - start))
    return crop[max(0, start - air) : end + air]


def _shrunk(box: Box, inset: tuple[float, ...]) -> Box:
    x, y = inset[0] * box.width, inset[1] * box.height
    return Box(box.x1 + x, box.y1 + y, box.x2 - x, box.y2 - y)


def _edges(gray: GrayImage) -> NDArray[np.float32]:
    return np.abs(np.asarray(cv2.Sobel(gray, cv2.CV_32F, 1, 0, ksize=3), np.float32))


def _sheared(pixels: NDArray[Any], rise: float) -> NDArray[Any]:
    height, width = pixels.shape[:2]
    matrix = np.array([[1, 0, 0], [rise, 1, -rise * width / 2]], np.float32)
    border = cv2.BORDER_REPLICATE if pixels.dtype == np.uint8 else cv2.BORDER_CONSTANT
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border))


def _smoothed(profile: NDArray[np.float32], window_rows: int) -> NDArray[np.float32]:
    padded = np.pad(profile, window_rows // 2, "edge")
    return np.asarray(np.convolve(padded, np.full(window_rows, 1 / window_rows), "valid"), np.float32)


def _longest_run(flags: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and end (exclusive) of the first longest run of True; (0, 0) where there is none."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    starts, ends = changes[::2], changes[1::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), int(ends[longest])
