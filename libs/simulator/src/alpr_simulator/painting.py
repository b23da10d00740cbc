"""Painting a vehicle into a frame: warped faces, shadow, motion blur; only its own rectangle is touched."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_simulator.bodies import Placed, Quad
from alpr_simulator.plates import Image
from alpr_simulator.vehicles import Vehicle

Layer = NDArray[np.float32]
"""Shape (H, W, 4): BGR times alpha, and alpha 0 to 1."""

Window = tuple[int, int, int, int]


def paint(frame: Image, vehicle: Vehicle, placed: Placed, motion_px: tuple[float, float]) -> None:
    """Draw the vehicle into `frame` (in place), blurred by `motion_px`, its way during the exposure."""
    reach = math.ceil(max(abs(motion_px[0]), abs(motion_px[1]))) + 2
    window = _window(placed, frame.shape, reach)
    if window is None:
        return
    x1, y1, x2, y2 = window
    region = frame[y1:y2, x1:x2]
    _darken(region, placed.shadow - (x1, y1))
    layer = np.zeros((y2 - y1, x2 - x1, 4), np.float32)
    for name, quad in [*placed.faces.items(), ("plate", placed.plate)]:
        _over(layer, _pyramid(vehicle, name), quad - (x1, y1))
    blurred = _blur(layer, motion_px)
    region[:] = np.clip(region * (1 - blurred[..., 3:]) + blurred[..., :3], 0, 255).astype(np.uint8)


def _window(placed: Placed, shape: tuple[int, ...], reach: int) -> Window | None:
    x1, y1, x2, y2 = placed.hull
    low = placed.shadow.max(axis=0), placed.shadow.min(axis=0)
    left, top = min(x1, low[1][0]), min(y1, low[1][1])
    right, bottom = max(x2, low[0][0]), max(y2, low[0][1])
    window = (
        max(0, math.floor(left) - reach),
        max(0, math.floor(top) - reach),
        min(shape[1], math.ceil(right) + reach),
        min(shape[0], math.ceil(bottom) + reach),
    )
    return window if window[2] - window[0] > 1 and window[3] - window[1] > 1 else None


def _darken(region: Image, shadow: Quad) -> None:
    height, width = region.shape[:2]
    # A shadow is soft: a quarter of the resolution is enough, and cheap.
    mask = np.zeros((height // 4 + 1, width // 4 + 1), np.uint8)
    cv2.fillConvexPoly(mask, np.round(shadow / 4).astype(np.int32), 150)
    soft = cv2.resize(cv2.GaussianBlur(mask, (5, 5), 0), (width, height), interpolation=cv2.INTER_LINEAR)
    shade = cv2.merge([255 - soft] * 3)
    cv2.multiply(region, shade, dst=region, scale=1 / 255)


def _over(layer: Layer, levels: list[Layer], quad: Quad) -> None:
    """Lay a face over what is there."""
    height, width = layer.shape[:2]
    x1, y1 = np.maximum(np.floor(quad.min(axis=0)).astype(int), 0)
    x2, y2 = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + 1, (width, height))
    if x2 <= x1 or y2 <= y1:
        return
    texture = _level(levels, quad)
    tall, wide = texture.shape[:2]
    corners = np.array([(0, 0), (wide, 0), (wide, tall), (0, tall)], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(corners, (quad - (x1, y1)).astype(np.float32) - 0.5)
    face = cv2.warpPerspective(texture, matrix, (int(x2 - x1), int(y2 - y1)), flags=cv2.INTER_LINEAR)
    part = layer[y1:y2, x1:x2]
    part *= 1 - face[..., 3:]
    part += face


def _level(levels: list[Layer], quad: Quad) -> Layer:
    """The texture that is at most twice as fine as the picture: no flicker from left-out pixels."""
    sides = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
    wanted = max(float(sides[[0, 2]].mean()) / levels[0].shape[1], float(sides[[1, 3]].mean()) / levels[0].shape[0])
    index = int(np.clip(round(-math.log2(max(wanted, 1e-3))), 0, len(levels) - 1))
    return levels[index]


def _pyramid(vehicle: Vehicle, name: str) -> list[Layer]:
    if name not in vehicle.pyramids:
        vehicle.pyramids[name] = _levels(vehicle.plate.image if name == "plate" else getattr(vehicle, name))
    return vehicle.pyramids[name]


def _levels(image: Image) -> list[Layer]:
    alpha = (
        image[..., 3:].astype(np.float32) / 255 if image.shape[2] == 4 else np.ones((*image.shape[:2], 1), np.float32)
    )
    levels = [np.concatenate([image[..., :3] * alpha, alpha], axis=2).astype(np.float32)]
    while min(levels[-1].shape[:2]) > 8:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.float32))
    return levels


def _blur(layer: Layer, motion_px: tuple[float, float]) -> Layer:
    length = math.hypot(*motion_px)
    if length < 1.0:
        return layer
    size = 2 * math.ceil(length / 2) + 1
    kernel = np.zeros((size, size), np.float32)
    steps = np.linspace(-0.5, 0.5, 4 * size)
    xs = np.clip(np.round(size // 2 + steps * motion_px[0]).astype(int), 0, size - 1)
    ys = np.clip(np.round(size // 2 + steps * motion_px[1]).astype(int), 0, size - 1)
    np.add.at(kernel, (ys, xs), 1.0)
    return np.asarray(cv2.filter2D(layer, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.float32)
