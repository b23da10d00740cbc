"""Light on plates: the sun between leaves and in chrome, and shadows of wires and posts."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_simulator.bodies import Quad
from alpr_simulator.plates import Image


def dapple(frame: Image, plate: Quad, rng: np.random.Generator) -> None:
    """Lay a bright or dark patch, about a character wide, somewhere over the plate (in place).

    Between two frames of a camera a vehicle moves by more than such a patch is wide: where it lies is drawn anew.
    """
    x1, y1 = np.maximum(np.floor(plate.min(axis=0)).astype(int), 0)
    x2, y2 = np.minimum(np.ceil(plate.max(axis=0)).astype(int) + 1, (frame.shape[1], frame.shape[0]))
    if x2 - x1 < 2 or y2 - y1 < 2:
        return
    at, half = float(rng.uniform(-0.05, 1.05)), float(rng.uniform(0.05, 0.11))
    lean, bright = float(rng.uniform(-0.08, 0.08)), bool(rng.random() < 0.6)
    cover = _cover(plate - (x1, y1), (int(x2 - x1), int(y2 - y1)), (at, half, lean))
    region = frame[y1:y2, x1:x2].astype(np.float32)
    strength = float(rng.uniform(0.75, 1.0)) * cover[..., None]
    region += (np.float32(245.0 if bright else 12.0) - region) * strength
    frame[y1:y2, x1:x2] = np.clip(region, 0, 255).astype(np.uint8)


def _cover(plate: Quad, size: tuple[int, int], patch: tuple[float, float, float]) -> NDArray[np.float32]:
    """How much of each pixel the patch covers, 0 to 1; soft at its edges."""
    at, half, lean = patch
    a, b, c, d = plate
    corners = [
        a + (b - a) * (at - half + lean),
        a + (b - a) * (at + half + lean),
        d + (c - d) * (at + half - lean),
        d + (c - d) * (at - half - lean),
    ]
    fine = 8
    mask = np.zeros((size[1], size[0]), np.uint8)
    points = np.round(np.array(corners) * fine).astype(np.int32)
    cv2.fillConvexPoly(mask, points, 255, cv2.LINE_AA, shift=3)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.02 * size[0]))
    return np.asarray(soft, np.float32) / np.float32(255)
