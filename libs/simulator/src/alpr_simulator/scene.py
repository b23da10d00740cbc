"""Scenes: from a seed to frames and their truth, without any file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_simulator.backgrounds import draw_background
from alpr_simulator.bodies import Placed
from alpr_simulator.light import dapple
from alpr_simulator.optics import Camera
from alpr_simulator.painting import paint
from alpr_simulator.plates import REGIONS, Image, make_plate
from alpr_simulator.traffic import Drive, Road, in_view, through_view, timetable
from alpr_simulator.truth import PlateSight, Truth, VehicleTruth
from alpr_simulator.vehicles import make_vehicle

Grain = NDArray[np.int8]
SPEED_MPS = (6.0, 12.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """What to simulate.

    Attributes:
        occupancy: share of the frames with any vehicle in view, 0 to 1; met to a frame.
        vehicles: how many; None: as many as pass at usual speed in the busy time.
        regions: families of plates (`alpr_simulator.plates.REGIONS`).
        hardship: 0 a bright day, 1 dusk: darker, noisier, longer exposures. None: by the seed.
        dapple: share of the frames in which a patch of sun or shadow lies over a character or so of a plate.
        zoom: of the lens; 1 shows two lanes, more shows larger plates and less street.
    """

    seed: int
    seconds: float = 24.0
    fps: float = 15.0
    width: int = 1280
    height: int = 720
    occupancy: float = 0.25
    vehicles: int | None = None
    regions: tuple[str, ...] = REGIONS
    hardship: float | None = None
    dapple: float = 0.0
    zoom: float = 1.0

    @property
    def frame_count(self) -> int:
        """Frames of the clip."""
        return max(1, round(self.seconds * self.fps))


@dataclass(frozen=True, slots=True)
class Weather:
    """Light and sensor.

    Attributes:
        gain: brightness, 1 is day.
        sway: share by which brightness rolls, and its period in seconds.
        noise: standard deviation in grey levels.
        exposure_s: for motion blur.
        defocus_px: blur of the lens.
        bounce_mps: standard deviation of the vehicles' rocking, which blurs some frames more than others.
    """

    gain: float
    sway: tuple[float, float]
    noise: float
    exposure_s: float
    defocus_px: float
    bounce_mps: float


class Simulation:
    """A scene that is laid out: where everything is at each moment. Frames come from `frames`, in order."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        rng = np.random.default_rng([scene.seed, 7])
        self._rng = rng
        self.camera = _camera(scene, rng)
        self.road = _road(rng, self.camera)
        self.weather = _weather(rng, scene.hardship)
        self.background = draw_background(self.camera, self.road, rng)
        self.poles = _poles(rng, self.camera, self.background)
        self.drives = self._drives()

    def frames(self) -> Iterator[Image]:
        """The frames, BGR (height, width, 3)."""
        rng = np.random.default_rng([self.scene.seed, 11])
        grain = [_grain(rng, self.camera, self.weather.noise) for _ in range(4)]
        for number in range(self.scene.frame_count):
            yield self._frame(number, grain[number % 4], rng)

    @cached_property
    def truth(self) -> Truth:
        """What is in the frames; computed without painting them."""
        scene = self.scene
        sights: list[list[PlateSight]] = [[] for _ in self.drives]
        seen: list[list[float]] = [[] for _ in self.drives]
        busy = 0
        for number in range(scene.frame_count):
            placed = self._placed(number)
            busy += bool(placed)
            for index, where in placed:
                seen[index].append(number / scene.fps)
                visibility = self._visibility(where, [other for _, other in placed if other is not where])
                if visibility > 0:
                    sights[index].append(_sight(number, number / scene.fps, where, visibility))
        vehicles = tuple(
            self._vehicle(index, drive, seen[index], sights[index]) for index, drive in enumerate(self.drives)
        )
        return Truth(scene.seed, scene.width, scene.height, scene.fps, scene.frame_count, busy, vehicles)

    def _vehicle(self, index: int, drive: Drive, seen: list[float], sights: list[PlateSight]) -> VehicleTruth:
        first, last = (seen[0], seen[-1]) if seen else (drive.starts_s, drive.ends_s)
        plate = drive.vehicle.plate
        return VehicleTruth(index, plate.text, plate.region, _direction(drive), first, last, tuple(sights))

    def _placed(self, number: int) -> list[tuple[int, Placed]]:
        """The vehicles in view, the farthest first."""
        time_s = number / self.scene.fps
        placed = [(index, drive.at(time_s, self.camera)) for index, drive in enumerate(self.drives)]
        shown = [(index, where) for index, where in placed if where is not None and in_view(where, self.camera)]
        return sorted(shown, key=lambda item: -item[1].depth_m)

    def _frame(self, number: int, grain: Grain, rng: np.random.Generator) -> Image:
        frame = self.background.copy()
        for index, where in self._placed(number):
            paint(frame, self.drives[index].vehicle, where, self._motion(index, number))
            light = np.random.default_rng([self.scene.seed, 17, index, number])
            if light.random() < self.scene.dapple:
                dapple(frame, where.plate, light)
        for left, right in self.poles:
            frame[:, left:right] = self.background[:, left:right]
        return self._expose(frame, number, np.roll(grain, int(rng.integers(grain.shape[0])), axis=0))

    def _motion(self, index: int, number: int) -> tuple[float, float]:
        """How far the plate moves in the picture during the exposure."""
        time_s = number / self.scene.fps
        now = self.drives[index].at(time_s, self.camera)
        then = self.drives[index].at(time_s + self.weather.exposure_s, self.camera)
        if now is None or then is None:
            return 0.0, 0.0
        dx, dy = then.plate.mean(axis=0) - now.plate.mean(axis=0)
        px_per_m = float(np.ptp(now.plate[:, 0])) / self.drives[index].vehicle.plate.width_m
        rocks = np.random.default_rng([self.scene.seed, index, number]).normal(0, self.weather.bounce_mps, 2)
        along, across = rocks * px_per_m * self.weather.exposure_s
        return float(dx + along), float(dy + across)

    def _expose(self, frame: Image, number: int, grain: Grain) -> Image:
        weather = self.weather
        share, period_s = weather.sway
        gain = weather.gain * (1 + share * math.sin(2 * math.pi * number / self.scene.fps / period_s))
        if weather.defocus_px > 0.3:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), weather.defocus_px), np.uint8)
        lit = cv2.convertScaleAbs(frame, alpha=gain, beta=0)
        return np.asarray(cv2.add(lit, grain, dtype=cv2.CV_8U), np.uint8)

    def _visibility(self, where: Placed, others: list[Placed]) -> float:
        """Share of the plate that shows, by a grid of points on it."""
        a, b, c, d = where.plate
        inside = 0
        for u in np.linspace(0.05, 0.95, 9):
            for v in (0.2, 0.5, 0.8):
                point = (a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v
                inside += self._shows(float(point[0]), float(point[1]), where, others)
        return inside / 27

    def _shows(self, x: float, y: float, where: Placed, others: list[Placed]) -> bool:
        if not (0 <= x < self.camera.width and 0 <= y < self.camera.height):
            return False
        if any(left <= x < right for left, right in self.poles):
            return False
        nearer = (other for other in others if other.depth_m < where.depth_m)
        return not any(_covers(other, x, y) for other in nearer)

    def _drives(self) -> list[Drive]:
        scene, rng = self.scene, self._rng
        busy_s = scene.occupancy * scene.seconds
        drives: list[Drive] = []
        while busy_s > 0 and not _enough(drives, busy_s, scene.vehicles):
            drives.append(self._drive())
        if not drives:
            return []
        return timetable(drives, scene.frame_count, scene.fps, scene.occupancy, rng)

    def _drive(self) -> Drive:
        rng = self._rng
        rear = bool(rng.random() < 0.5)
        vehicle = make_vehicle(
            rng, make_plate(rng, str(rng.choice(self.scene.regions))), rear=rear, distract=bool(rng.random() < 0.2)
        )
        lane = 1 if rear else -1  # they keep right
        drive = Drive(vehicle, self.road, lane, float(rng.uniform(*SPEED_MPS)))
        return through_view(drive, self.camera)


def _enough(drives: list[Drive], busy_s: float, wanted: int | None) -> bool:
    if wanted is not None:
        return len(drives) >= wanted
    # Every third drive mostly overlaps another.
    alone = sum(drive.lasts_s for i, drive in enumerate(drives) if i % 3 != 2)
    return alone >= busy_s * 0.9 and bool(drives)


def _covers(other: Placed, x: float, y: float) -> bool:
    return any(
        cv2.pointPolygonTest(quad.astype(np.float32), (x, y), measureDist=False) >= 0 for quad in other.faces.values()
    )


def _direction(drive: Drive) -> str:
    across = abs(math.sin(drive.road.angle)) > 0.6
    away = drive.vehicle.rear
    if not across:
        return "away" if away else "towards"
    return "right" if (drive.road.angle > 0) == away else "left"


def _sight(number: int, time_s: float, where: Placed, visibility: float) -> PlateSight:
    a, b, c, d = ((round(float(x), 2), round(float(y), 2)) for x, y in where.plate)
    return PlateSight(number, round(time_s, 4), (a, b, c, d), round(visibility, 3))


def _camera(scene: Scene, rng: np.random.Generator) -> Camera:
    focal_px = scene.width * float(rng.uniform(1.7, 2.4)) * scene.zoom
    height_m = float(rng.uniform(3.2, 5.0))
    half = math.atan(scene.height / 2 / focal_px)
    far_m = float(rng.uniform(22, 34)) * scene.zoom**0.3
    return Camera(scene.width, scene.height, focal_px, height_m, math.atan(height_m / far_m) + half)


def _road(rng: np.random.Generator, camera: Camera) -> Road:
    near, far = camera.ground_limits_m()
    if rng.random() < 0.7:
        return Road(float(rng.uniform(-0.18, 0.18)), (float(rng.uniform(-0.6, 0.6)), near + 3.0))
    side = 1 if rng.random() < 0.5 else -1
    return Road(side * float(rng.uniform(0.75, 1.0)), (0.0, near + float(rng.uniform(1.5, 0.12 * far))))


def _weather(rng: np.random.Generator, hardship: float | None) -> Weather:
    hard = float(rng.random()) ** 1.5 if hardship is None else hardship
    return Weather(
        gain=1.0 - 0.5 * hard * float(rng.uniform(0.6, 1.0)),
        sway=(float(rng.uniform(0, 0.08)), float(rng.uniform(3, 9))),
        noise=2.0 + 6.0 * hard,
        exposure_s=float(rng.uniform(0.0005, 0.003)) + 0.004 * hard,
        defocus_px=float(rng.uniform(0, 0.4)) + 0.6 * hard * float(rng.random()),
        bounce_mps=4.0 * float(rng.random()),
    )


def _grain(rng: np.random.Generator, camera: Camera, noise: float) -> Grain:
    size = (camera.height, camera.width, 3)
    return np.clip(np.round(rng.normal(0, noise, size)), -127, 127).astype(np.int8)


def _poles(rng: np.random.Generator, camera: Camera, background: Image) -> list[tuple[int, int]]:
    """Posts in front of the street, drawn into the background; returns their columns."""
    poles: list[tuple[int, int]] = []
    if rng.random() < 0.5:
        left = round(float(rng.uniform(0.25, 0.75)) * camera.width)
        right = left + round(float(rng.uniform(0.012, 0.03)) * camera.width)
        shade = np.sin(np.linspace(0.3, 2.8, right - left))[None, :, None] * 110 + 20
        background[:, left:right] = shade.astype(np.uint8)
        poles.append((left, right))
    return poles
