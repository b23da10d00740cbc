"""Pictures with boxes and texts drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np

from alpr_edge_agent.frames import BgrImage, Box

GREEN = (80, 200, 60)
RED = (60, 60, 230)
_DARK = (20, 20, 20)

Color: TypeAlias = tuple[int, int, int]
"""Blue, green, red."""

Corners: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


def draw(image: BgrImage, marks: Sequence[tuple[Box, str]], color: Color = GREEN) -> BgrImage:
    """A copy of `image` with each (box, text) drawn; line and letters grow with the picture."""
    drawn = image.copy()
    size = max(image.shape[:2])
    thickness = max(1, round(size / 500))
    for box, text in marks:
        near, far = (round(box.x1), round(box.y1)), (round(box.x2), round(box.y2))
        cv2.rectangle(drawn, near, far, color, thickness)
        if text:
            _label(drawn, text, (near, far), max(0.5, size / 1400), color)
    return drawn


def jpeg(image: BgrImage, quality: int = 85) -> bytes:
    """`image` as a JPEG file."""
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(encoded)


def _label(drawn: BgrImage, text: str, corners: Corners, scale: float, color: Color) -> None:
    near, far = corners
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(2 * scale))
    (width, height), below = cv2.getTextSize(text, font, scale, thickness)
    room = height + 2 * below
    top = near[1] - room if near[1] >= room else far[1]  # over the plate, under it where the picture ends
    left = int(np.clip(near[0], 0, max(0, drawn.shape[1] - width)))
    cv2.rectangle(drawn, (left, top), (left + width, top + room), color, -1)
    cv2.putText(drawn, text, (left, top + height + below), font, scale, _DARK, thickness, cv2.LINE_AA)
