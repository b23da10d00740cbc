"""Detectors find plates in pictures: the seam, and the one factory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.frames import BgrImage, Boxes


@dataclass(frozen=True, slots=True)
class Detections:
    """Plates of one picture, best first.

    Attributes:
        boxes: float32 (N, 4), xyxy, pixels of the picture.
        scores: float32 (N,), 0 to 1.
    """

    boxes: Boxes
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """Finds plates."""

    digest: str
    """SHA-256 of the weights, as `sha256:…`; it travels in the event."""

    def detect(self, images: Sequence[BgrImage]) -> list[Detections]:
        """Plates of each picture, in the order of `images`; pictures may differ in size. Blocks."""
