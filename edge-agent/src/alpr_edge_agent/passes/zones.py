"""Zones of a picture: where plates count and where they do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.detect import Detections

Corners = Sequence[tuple[float, float]]


def inside(point: tuple[float, float], polygon: Corners) -> bool:
    """Whether `point` lies in `polygon`, by the even-odd rule; both in the same units."""
    x, y = point
    crossings = False
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            crossings = not crossings
    return crossings


def within(
    detections: Detections, size: tuple[int, int], roi: Sequence[Corners], ignore: Sequence[Corners]
) -> Detections:
    """The detections whose centre counts: in one of `roi` (everywhere, where it is empty), in none of `ignore`.

    Zones are in shares of the picture, whose `size` is (width, height) in pixels.
    """
    if not roi and not ignore:
        return detections
    keep = np.array([_counts(box, size, roi, ignore) for box in detections.boxes], bool)
    return Detections(detections.boxes[keep], detections.scores[keep])


def _counts(box: NDArray[np.float32], size: tuple[int, int], roi: Sequence[Corners], ignore: Sequence[Corners]) -> bool:
    x1, y1, x2, y2 = map(float, box)
    center = ((x1 + x2) / 2 / size[0], (y1 + y2) / 2 / size[1])
    wanted = not roi or any(inside(center, zone) for zone in roi)
    return wanted and not any(inside(center, zone) for zone in ignore)
