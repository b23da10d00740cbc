"""Who drives by and when: paths through the view, and a timetable with an exact share of busy frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from alpr_simulator.bodies import Placed, Pose, place
from alpr_simulator.optics import Camera
from alpr_simulator.vehicles import Vehicle

STEP_M = 0.25
MARGIN_PX = 2.0


@dataclass(frozen=True, slots=True)
class Road:
    """A straight road on the ground.

    Attributes:
        angle: of its run against the view axis, radians; 0 runs away from the camera.
        center: a point (x, z) on its middle line.
        lane_m: width of one of its two lanes.
    """

    angle: float
    center: tuple[float, float]
    lane_m: float = 3.4

    @property
    def run(self) -> tuple[float, float]:
        """Unit vector (x, z) away from the camera."""
        return math.sin(self.angle), math.cos(self.angle)


@dataclass(frozen=True, slots=True)
class Drive:
    """A vehicle's way through the view at constant speed.

    Attributes:
        lane: -1 or 1, the side of the middle line (1: right, seen from the camera).
        enters_m, leaves_m: where on the way it comes into view and where it leaves it.
        starts_s: when it is at `enters_m`.
    """

    vehicle: Vehicle
    road: Road
    lane: int
    speed_mps: float
    enters_m: float = 0.0
    leaves_m: float = 0.0
    starts_s: float = 0.0

    @property
    def lasts_s(self) -> float:
        """Seconds in view."""
        return (self.leaves_m - self.enters_m) / self.speed_mps

    @property
    def ends_s(self) -> float:
        """When it has left the view."""
        return self.starts_s + self.lasts_s

    def pose(self, way_m: float) -> Pose:
        """Its place after `way_m` metres of its way; away from the camera when its rear is seen."""
        dx, dz = self.road.run
        sign = 1.0 if self.vehicle.rear else -1.0
        side = self.lane * self.road.lane_m / 2
        x = self.road.center[0] + sign * dx * way_m + dz * side
        z = self.road.center[1] + sign * dz * way_m - dx * side
        return Pose(x, z, (-dx, -dz))

    def at(self, time_s: float, camera: Camera) -> Placed | None:
        """The vehicle in the picture at `time_s`; None out of view."""
        if not self.starts_s <= time_s < self.ends_s:
            return None
        return place(self.vehicle, self.pose(self.enters_m + (time_s - self.starts_s) * self.speed_mps), camera)


def in_view(placed: Placed | None, camera: Camera) -> bool:
    """Whether any of the vehicle is inside the picture."""
    if placed is None:
        return False
    x1, y1, x2, y2 = placed.hull
    return x2 > MARGIN_PX and y2 > MARGIN_PX and x1 < camera.width - MARGIN_PX and y1 < camera.height - MARGIN_PX


def through_view(drive: Drive, camera: Camera) -> Drive:
    """The same drive, from where it comes into view to where it leaves it.

    Raises:
        ValueError: the road never crosses the view.
    """
    ways = np.arange(-70.0, 90.0, STEP_M)
    seen = [way for way in ways if in_view(place(drive.vehicle, drive.pose(float(way)), camera), camera)]
    if not seen:
        raise ValueError("the road does not cross the view: move its centre nearer to the axis")
    return replace(drive, enters_m=float(seen[0]), leaves_m=float(seen[-1]) + STEP_M)


def timetable(
    drives: list[Drive], total_frames: int, fps: float, share: float, rng: np.random.Generator
) -> list[Drive]:
    """Give the drives start times, and speeds, so that `share` of the frames show one of them.

    Every third drive follows close on the one before it, so that vehicles also meet; the rest come one by one.
    """
    busy = round(share * total_frames)
    groups = _groups(drives, rng)
    spans = [max(drive.ends_s for drive in group) for group in groups]
    factor = sum(spans) / (busy / fps)
    groups = [[_faster(drive, factor) for drive in group] for group in groups]
    lengths = _whole(np.array(spans) / factor * fps, busy)
    gaps = _whole(rng.dirichlet(np.full(len(groups) + 1, 2.0)) * (total_frames - busy), total_frames - busy)
    timed: list[Drive] = []
    at = 0
    for gap, length, group in zip(gaps, lengths, groups, strict=False):
        at += gap
        timed += [_fit(drive, at, length, group, fps) for drive in group]
        at += length
    return timed


def _groups(drives: list[Drive], rng: np.random.Generator) -> list[list[Drive]]:
    groups: list[list[Drive]] = []
    for i, drive in enumerate(drives):
        if i % 3 == 2 and groups[-1][0].lane != drive.lane:
            ahead = groups[-1][0]
            groups[-1].append(replace(drive, starts_s=float(rng.uniform(0.2, 0.5)) * ahead.lasts_s))
        else:
            groups.append([replace(drive, starts_s=0.0)])
    return groups


def _faster(drive: Drive, factor: float) -> Drive:
    return replace(drive, speed_mps=drive.speed_mps * factor, starts_s=drive.starts_s / factor)


def _fit(drive: Drive, at: int, length: int, group: list[Drive], fps: float) -> Drive:
    """Stretch a group to whole frames: it is in view in exactly the frames `at` … `at + length - 1`."""
    factor = max(other.ends_s for other in group) * fps / length
    early = _faster(drive, factor)
    return replace(early, starts_s=early.starts_s + (at - 0.5) / fps)


def _whole(shares: np.ndarray[tuple[int], np.dtype[np.float64]], total: int) -> list[int]:
    """Whole numbers near `shares` that add up to `total`."""
    edges = np.round(np.concatenate([[0.0], np.cumsum(shares)]) * (total / max(shares.sum(), 1e-9)))
    return [int(n) for n in np.diff(edges)]
