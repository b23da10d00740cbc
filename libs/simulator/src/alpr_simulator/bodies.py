"""Where a vehicle's faces and plate are in the world at one moment, and how they land in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alpr_simulator.optics import Camera, Points
from alpr_simulator.vehicles import Vehicle

Quad = NDArray[np.float64]
"""Shape (4, 2): top left, top right, bottom right, bottom left, pixels."""

NEAR_M = 0.7
"""Nothing nearer to the camera than this is drawn."""


@dataclass(frozen=True, slots=True)
class Pose:
    """A vehicle's place: the foot of its plate-carrying end, on the ground, and where that end faces (unit x, z)."""

    x: float
    z: float
    facing: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """A vehicle in the picture.

    Attributes:
        faces: name (`roof`, `side`, `end`) → quad, in the order they are painted.
        plate: quad of the plate.
        shadow: quad of the ground under the vehicle.
        depth_m: of the end, for sorting.
        hull: (x1, y1, x2, y2) of all faces, pixels.
    """

    faces: dict[str, Quad]
    plate: Quad
    shadow: Quad
    depth_m: float
    hull: tuple[float, float, float, float]


def place(vehicle: Vehicle, pose: Pose, camera: Camera) -> Placed | None:
    """The vehicle in the picture; None where it reaches behind the camera."""
    corners = _corners(vehicle, pose, camera)
    stacked = np.concatenate(list(corners.values()))
    if _depths(stacked, camera).min() < NEAR_M:
        return None
    pixels = {name: camera.project(points) for name, points in corners.items()}
    plate = pixels.pop("plate")
    shadow = pixels.pop("shadow")
    around = np.concatenate(list(pixels.values()))
    hull = (*around.min(axis=0), *around.max(axis=0))
    return Placed(pixels, plate, shadow, float(np.hypot(pose.x, pose.z)), hull)


def _depths(points: Points, camera: Camera) -> NDArray[np.float64]:
    return np.asarray(points[:, 2] * np.cos(camera.pitch) + points[:, 1] * np.sin(camera.pitch))


def _corners(vehicle: Vehicle, pose: Pose, camera: Camera) -> dict[str, Points]:
    width, height, length = vehicle.size_m
    ground, top = camera.height_m, camera.height_m - height
    out = np.array([pose.facing[0], 0.0, pose.facing[1]])
    right = np.array([-pose.facing[1], 0.0, pose.facing[0]])
    foot = np.array([pose.x, 0.0, pose.z])

    def upright(center: Points, along: Points, half: float) -> Points:
        a, b = center - along * half, center + along * half
        return np.array([_at(a, top), _at(b, top), _at(b, ground), _at(a, ground)])

    back = foot - out * length
    flank = -1.0 if float((-foot) @ right) < 0 else 1.0  # the side that the camera sees
    outward = right * flank
    middle = foot - out * length / 2 + outward * width / 2
    along = np.array([-outward[2], 0.0, outward[0]])
    across = right * width / 2
    plate = _plate(vehicle, foot + out * 0.03, right, top)
    return {
        "roof": np.array([_at(p, top) for p in (back - across, back + across, foot + across, foot - across)]),
        "side": upright(middle, along, length / 2),
        "end": upright(foot, right, width / 2),
        "plate": plate,
        "shadow": np.array(
            [
                _at(p, ground)
                for p in (back - across * 1.2, back + across * 1.2, foot + across * 1.2, foot - across * 1.2)
            ]
        ),
    }


def _plate(vehicle: Vehicle, foot: Points, right: Points, top: float) -> Points:
    width, _, _ = vehicle.size_m
    x, y = vehicle.plate_at[0] - width / 2, top + vehicle.plate_at[1]
    half_w, half_h = vehicle.plate.width_m / 2, vehicle.plate.height_m / 2
    shifts = ((-half_w, -half_h), (half_w, -half_h), (half_w, half_h), (-half_w, half_h))
    return np.array([_at(foot + right * (x + dx), y + dy) for dx, dy in shifts])


def _at(point: Points, y: float) -> list[float]:
    return [float(point[0]), y, float(point[2])]
