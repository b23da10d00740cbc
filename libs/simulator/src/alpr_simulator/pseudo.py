"""Pseudo-passes: a real photo becomes the frames of a vehicle that comes nearer, with real glyphs and known text."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from alpr_simulator.compression import through_h264
from alpr_simulator.plates import Image

PixelBox = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""


@dataclass(frozen=True, slots=True)
class PseudoPass:
    """Frames (BGR, of one size) and where the plate is in each."""

    frames: tuple[Image, ...]
    boxes: tuple[PixelBox, ...]


def pseudo_pass(
    image: Image, box: PixelBox, seed: int, *, fps: float = 10.0, seconds: float = 1.5, longest_px: int = 1280
) -> PseudoPass:
    """The plate at `box` grows from half to its full size, drifts, shakes, blurs and is compressed as video.

    Early frames are small and often blurred; the last is the photo as it is, but for noise and compression.

    Args:
        image: the photo, BGR.
        box: the plate in it.
        seed: of shift, blur and noise.
        fps: frames a second.
        seconds: how long the pass lasts.
        longest_px: larger photos are shrunk to this first.
    """
    rng = np.random.default_rng([seed, 13])
    shrink = min(1.0, longest_px / max(image.shape[:2]))
    size = (2 * int(image.shape[1] * shrink / 2), 2 * int(image.shape[0] * shrink / 2))
    count = max(2, round(fps * seconds))
    frames: list[Image] = []
    boxes: list[PixelBox] = []
    for share in np.linspace(0, 1, count):
        matrix = _matrix(float(share), shrink, size, box, rng)
        boxes.append(_moved(box, matrix))
        frames.append(_degraded(image, matrix, size, boxes[-1], rng))
    return PseudoPass(tuple(through_h264(frames, fps)), tuple(boxes))


def _matrix(
    share: float, shrink: float, size: tuple[int, int], box: PixelBox, rng: np.random.Generator
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Zooms around the picture's middle, so that the plate also moves; drifts up to a plate's width on the way."""
    zoom = shrink * (0.5 + 0.5 * share)
    drift = (1 - share) * (box[2] - box[0]) * shrink * float(rng.uniform(0.8, 1.2))
    shake = rng.normal(0, 1.5, 2)
    middle = size[0] / 2 / shrink, size[1] / 2 / shrink
    return np.array(
        [
            [zoom, 0, size[0] / 2 - zoom * middle[0] - drift + shake[0]],
            [0, zoom, size[1] / 2 - zoom * middle[1] - drift / 4 + shake[1]],
        ]
    )


def _moved(box: PixelBox, matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> PixelBox:
    (a, _, c), (_, e, f) = matrix
    return (float(a * box[0] + c), float(e * box[1] + f), float(a * box[2] + c), float(e * box[3] + f))


def _degraded(
    image: Image,
    matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    size: tuple[int, int],
    box: PixelBox,
    rng: np.random.Generator,
) -> Image:
    moved = np.asarray(
        cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    width = box[2] - box[0]
    blurred = _motion_blur(moved, abs(float(rng.normal(0, 0.025))) * width, float(rng.uniform(0, math.pi)))
    gain, noise = float(rng.uniform(0.8, 1.15)), float(rng.uniform(2, 8))
    noisy = blurred * np.float32(gain) + rng.normal(0, noise, moved.shape).astype(np.float32)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def _motion_blur(image: Image, length: float, angle: float) -> Image:
    if length < 1.0:
        return image
    side = 2 * math.ceil(length / 2) + 1
    kernel = np.zeros((side, side), np.float32)
    steps = np.linspace(-length / 2, length / 2, 4 * side)
    xs = np.round(side // 2 + steps * math.cos(angle)).astype(int)
    ys = np.round(side // 2 + steps * math.sin(angle)).astype(int)
    np.add.at(kernel, (np.clip(ys, 0, side - 1), np.clip(xs, 0, side - 1)), 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
