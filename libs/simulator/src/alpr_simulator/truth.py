"""What is true of a clip: each vehicle, and where its plate is in each frame. Written beside the clip as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Corner = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PlateSight:
    """A plate in one frame.

    Attributes:
        quad: corners in pixels: top left, top right, bottom right, bottom left; may lie outside the picture.
        visibility: share of the plate inside the picture and not hidden, 0 to 1.
    """

    frame: int
    time_s: float
    quad: tuple[Corner, Corner, Corner, Corner]
    visibility: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The upright rectangle around the plate: x1, y1, x2, y2."""
        xs, ys = [x for x, _ in self.quad], [y for _, y in self.quad]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def width_px(self) -> float:
        """Width of that rectangle."""
        return self.box[2] - self.box[0]


@dataclass(frozen=True, slots=True)
class VehicleTruth:
    """One vehicle pass.

    Attributes:
        text: the plate's, A-Z0-9.
        region: the plate's family (`us`, `eu`, `gb`, `br`).
        direction: towards | away | left | right, in the picture.
        first_visible_s, last_visible_s: of the vehicle, seconds of the clip.
        sights: frames with any of the plate in the picture.
    """

    vehicle: int
    text: str
    region: str
    direction: str
    first_visible_s: float
    last_visible_s: float
    sights: tuple[PlateSight, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """One clip.

    Attributes:
        frames: number of frames.
        busy_frames: frames with any vehicle in view.
    """

    seed: int
    width: int
    height: int
    fps: float
    frames: int
    busy_frames: int
    vehicles: tuple[VehicleTruth, ...]

    @property
    def occupancy(self) -> float:
        """Share of the frames with a vehicle in view."""
        return self.busy_frames / self.frames

    def to_json(self) -> str:
        """JSON that `read_truth` reads."""
        return json.dumps(asdict(self), separators=(",", ":"))


def read_truth(path: Path) -> Truth:
    """The truth that lies in `path`."""
    return _truth(json.loads(path.read_text("utf-8")))


def _truth(data: dict[str, Any]) -> Truth:
    vehicles = tuple(
        VehicleTruth(**{**vehicle, "sights": tuple(map(_sight, vehicle["sights"]))}) for vehicle in data["vehicles"]
    )
    return Truth(**{**data, "vehicles": vehicles})


def _sight(data: dict[str, Any]) -> PlateSight:
    a, b, c, d = (tuple(corner) for corner in data["quad"])
    return PlateSight(data["frame"], data["time_s"], (a, b, c, d), data["visibility"])
