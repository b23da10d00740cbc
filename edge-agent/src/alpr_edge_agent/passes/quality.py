"""How much a view of a plate is worth: its width and its sharpness."""

from __future__ import annotations

import cv2
import numpy as np

from alpr_edge_agent.frames import BgrImage, Box, GrayImage

_HEIGHT_PX = 32
_SHARP = 0.35
"""Sharpness of a still plate in focus; twice as much says nothing more."""


def sharpness(crop: BgrImage | GrayImage) -> float:
    """How sharp a plate's crop is, 0 (flat, blurred) to 1: the edges' strength against the contrast.

    The crop is brought to one height first, so that far and near views compare, and divided by its own contrast, so
    that a dark scene is not a blurred one. Mean absolute Laplacian after Pech-Pacheco et al., 2000.
    """
    if min(crop.shape[:2]) < 4:
        return 0.0
    gray = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY) if crop.ndim == 3 else crop
    width = max(4, round(gray.shape[1] * _HEIGHT_PX / gray.shape[0]))
    small = cv2.resize(gray, (min(width, 512), _HEIGHT_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    contrast = float(small.std())
    if contrast < 1.0:
        return 0.0
    edges = float(np.abs(cv2.Laplacian(cv2.GaussianBlur(small, (3, 3), 0), cv2.CV_32F)).mean())
    return min(1.0, edges / contrast / _SHARP)


def cut(image: BgrImage, box: Box) -> BgrImage:
    """The pixels of `box`, clipped to the picture; may be empty."""
    height, width = image.shape[:2]
    x1, y1 = max(0, round(box.x1)), max(0, round(box.y1))
    return image[y1 : max(y1, min(height, round(box.y2))), x1 : max(x1, min(width, round(box.x2)))]


def weight(width_px: float, sharp: float | None) -> float:
    """How much one reading counts in the fusion, 0.05 to 1, by the plate's width and sharpness (None: not measured)."""
    by_width = min(1.0, max(0.1, (width_px - 20.0) / 70.0))
    by_sharpness = 1.0 if sharp is None else 0.4 + 0.6 * sharp
    return max(0.05, by_width * by_sharpness)
