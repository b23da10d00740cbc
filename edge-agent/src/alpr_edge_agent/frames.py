"""Pictures and boxes: the nouns that every stage of the pipeline shares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

BgrImage: TypeAlias = NDArray[np.uint8]
"""uint8, shape (H, W, 3), channels blue, green, red."""

GrayImage: TypeAlias = NDArray[np.uint8]
"""uint8, shape (H, W)."""

Boxes: TypeAlias = NDArray[np.float32]
"""float32, shape (N, 4): x1, y1, x2, y2 in pixels of the picture they were found in."""


@dataclass(frozen=True, slots=True)
class Box:
    """One rectangle, in pixels of its picture; x2 and y2 are exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y2 - self.y1

    @property
    def center(self) -> tuple[float, float]:
        """Centre (x, y) in pixels."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What is known of a frame beside its pixels.

    Attributes:
        camera: the camera's name.
        epoch: the source epoch; frames of one epoch share one clock and one numbering.
        number: counts every decoded frame of the epoch, from 0.
        captured_at: the frame's own time, aware UTC.
        width, height: pixels.
    """

    camera: str
    epoch: str
    number: int
    captured_at: datetime
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame with its pixels."""

    info: FrameInfo
    image: BgrImage
