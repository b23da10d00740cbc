"""A camera over a road: where points of the world land in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera above the origin of the world, looking along +z and down.

    World axes, in metres: x right, y down (the ground is y = `height_m`, the camera y = 0), z ahead.

    Attributes:
        focal_px: focal length.
        pitch: how far it looks down, radians.
    """

    width: int
    height: int
    focal_px: float
    height_m: float
    pitch: float

    def project(self, points: Points) -> Points:
        """World points (N, 3) → pixels (N, 2); what lies behind the camera is put far outside the picture."""
        c, s = math.cos(self.pitch), math.sin(self.pitch)
        x, y, z = points.T
        depth = z * c + y * s
        down = y * c - z * s
        safe = np.maximum(depth, 0.1)
        return np.stack([self.width / 2 + self.focal_px * x / safe, self.height / 2 + self.focal_px * down / safe], 1)

    def ground_limits_m(self) -> tuple[float, float]:
        """Distances z at which the ground meets the bottom and the top of the picture."""
        half = math.atan(self.height / 2 / self.focal_px)
        return self.height_m / math.tan(self.pitch + half), self.height_m / math.tan(max(self.pitch - half, 0.02))
