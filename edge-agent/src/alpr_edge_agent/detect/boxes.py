"""Boxes and the arithmetic of a YOLO detector: pure functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.frames import BgrImage, Boxes

STRIDE = 32
"""The network's coarsest cell: its input's sides are multiples of this."""

_LINEAR_UP_TO = 3.5

PADDING = 114
"""Grey of the border, as the network saw it in training."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a picture lies in the network's input.

    Attributes:
        width, height: of the input, multiples of `STRIDE`.
        inner_width, inner_height: of the scaled picture within.
        left, top: its corner.
        scale_x, scale_y: input pixels a picture pixel.
    """

    width: int
    height: int
    inner_width: int
    inner_height: int
    left: int
    top: int
    scale_x: float
    scale_y: float


def letterbox(width: int, height: int, size: int) -> Letterbox:
    """Scale a picture of `width` x `height` so that its longer side is `size`, and centre it in the smallest input.

    Small pictures are enlarged. The sides of the scaled picture are at least one pixel.
    """
    scale = size / max(width, height)
    inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
    outer_width, outer_height = (-(-side // STRIDE) * STRIDE for side in (inner_width, inner_height))
    left, top = (outer_width - inner_width) // 2, (outer_height - inner_height) // 2
    return Letterbox(
        outer_width, outer_height, inner_width, inner_height, left, top, inner_width / width, inner_height / height
    )


def place(image: BgrImage, box: Letterbox) -> BgrImage:
    """`image` as `box` says, grey around it."""
    if image.shape[:2] != (box.inner_height, box.inner_width):
        # Averaging takes six times as long and is worth it only where linear steps would leap over whole characters.
        how = cv2.INTER_AREA if box.inner_width * _LINEAR_UP_TO < image.shape[1] else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, (box.inner_width, box.inner_height), interpolation=how), np.uint8)
    if (box.width, box.height) == (box.inner_width, box.inner_height):
        return image
    canvas = np.full((box.height, box.width, 3), PADDING, np.uint8)
    canvas[box.top : box.top + box.inner_height, box.left : box.left + box.inner_width] = image
    return canvas


def to_picture(boxes: Boxes, box: Letterbox) -> Boxes:
    """Boxes in the network's input → the picture's own pixels."""
    offset = np.array([box.left, box.top] * 2, np.float32)
    scale = np.array([box.scale_x, box.scale_y] * 2, np.float32)
    return np.asarray((boxes - offset) / scale, np.float32)


def clip(boxes: Boxes, width: int, height: int) -> Boxes:
    """Boxes with no part outside a picture of `width` x `height`."""
    return np.clip(boxes, 0, np.array([width, height] * 2, np.float32))


def corners(centred: NDArray[np.float32]) -> Boxes:
    """(N, 4) centre x, centre y, width, height → x1, y1, x2, y2."""
    half = centred[:, 2:] / 2
    return np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)


def inset(boxes: Boxes, margin: tuple[float, float]) -> Boxes:
    """Boxes without the share `margin` (of their width, of their height) on each side; below 0.5, centres stay."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    taken = sizes * np.array(margin, np.float32)
    return np.concatenate([boxes[:, :2] + taken, boxes[:, 2:] - taken], axis=1)


def areas(boxes: Boxes) -> NDArray[np.float32]:
    """Area of each box, 0 for an empty one."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def overlaps(boxes: Boxes, others: Boxes) -> NDArray[np.float32]:
    """Intersection over union of each of `boxes` (N) with each of `others` (M): (N, M), 0 to 1; 0 for empty pairs."""
    near = np.maximum(boxes[:, None, :2], others[None, :, :2])
    far = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(far - near, 0), axis=2)
    union = areas(boxes)[:, None] + areas(others)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32)


def suppress(boxes: Boxes, scores: NDArray[np.float32], iou: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices to keep, best score first; ties keep their order."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[overlaps(boxes[[best]], boxes[rest])[0] <= iou]
    return np.array(kept, np.intp)
