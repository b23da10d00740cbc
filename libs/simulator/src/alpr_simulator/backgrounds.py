"""A street without traffic: road, marks, verges, houses, trees, signs. Drawn once a clip."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_simulator.alphabet import Ink, draw_text
from alpr_simulator.optics import Camera
from alpr_simulator.plates import Color, Image
from alpr_simulator.traffic import Road

Field = NDArray[np.float32]


def draw_background(camera: Camera, road: Road, rng: np.random.Generator) -> Image:
    """The empty street, BGR."""
    image = _ground(camera, road, rng)
    for side in (-1, 1):
        for along in np.arange(58.0, 4.0, -float(rng.uniform(6, 9))):
            if rng.random() < 0.75:
                _roadside(image, camera, road, (side, float(along)), rng)
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _ground(camera: Camera, road: Road, rng: np.random.Generator) -> Field:
    across, along = _road_coordinates(camera, road)
    near = np.abs(across)
    verge = _texture(camera, rng, (45, 75, 62), 16.0)
    pavement = _texture(camera, rng, (120, 124, 128), 7.0)
    asphalt = _texture(camera, rng, (74, 74, 76), 9.0)
    image = np.where((near < road.lane_m + 3.0)[..., None], pavement, verge)
    image = np.where((near < road.lane_m + 0.3)[..., None], asphalt, image)
    dashes = (near < 0.08) & (np.mod(along, 6.0) < 3.0)
    edges = np.abs(near - road.lane_m + 0.1) < 0.06
    image[dashes | edges] = (195, 200, 200)
    kerb = np.abs(near - road.lane_m - 0.3) < 0.08
    image[kerb] = (150, 152, 155)
    return np.asarray(image, np.float32)


def _road_coordinates(camera: Camera, road: Road) -> tuple[Field, Field]:
    """For each pixel: metres across the road (0 in its middle) and along it, on the ground."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (u - camera.width / 2) / camera.focal_px, (v - camera.height / 2) / camera.focal_px
    c, s = math.cos(camera.pitch), math.sin(camera.pitch)
    down, ahead = y * c + s, c - y * s
    scale = camera.height_m / np.maximum(down, 0.02)
    world_x, world_z = x * scale - road.center[0], ahead * scale - road.center[1]
    dx, dz = road.run
    return (world_x * dz - world_z * dx).astype(np.float32), (world_x * dx + world_z * dz).astype(np.float32)


def _texture(camera: Camera, rng: np.random.Generator, color: Color, strength: float) -> Field:
    """Noise at three sizes over one colour."""
    size = (camera.width, camera.height)
    total = np.zeros((camera.height, camera.width), np.float32)
    for cells, share in ((12, 0.6), (90, 0.5), (400, 0.6)):
        field = rng.normal(0, strength * share, (round(cells * camera.height / camera.width) + 1, cells))
        total += cv2.resize(field.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return total[..., None] + np.array(color, np.float32)


def _roadside(image: Field, camera: Camera, road: Road, where: tuple[int, float], rng: np.random.Generator) -> None:
    side, along = where
    dx, dz = road.run
    off = side * (road.lane_m + float(rng.uniform(3.5, 8.0)))
    x, z = road.center[0] + dx * (along - road.center[1]) + dz * off, along - dx * off
    if z < 8.0:
        return
    kind = rng.random()
    if kind < 0.45:
        _tree(image, camera, (x, z), rng)
    elif kind < 0.85:
        _house(image, camera, (x + side * 4.0, z), rng)
    else:
        _sign(image, camera, (x - side * 2.0, z), rng)


def _box(camera: Camera, where: tuple[float, float], width_m: float, height_m: float) -> tuple[int, int, int, int]:
    x, z = where
    ground = camera.height_m
    corners = np.array([(x - width_m / 2, ground - height_m, z), (x + width_m / 2, ground, z)])
    (x1, y1), (x2, y2) = camera.project(corners)
    limit = 4 * camera.width
    return tuple(int(np.clip(value, -limit, limit)) for value in (x1, y1, x2, y2))  # type: ignore[return-value]


def _house(image: Field, camera: Camera, where: tuple[float, float], rng: np.random.Generator) -> None:
    x1, y1, x2, y2 = _box(camera, where, float(rng.uniform(5, 9)), float(rng.uniform(4, 9)))
    tone = rng.uniform(90, 190)
    wall = tuple(float(tone * rng.uniform(0.85, 1.1)) for _ in range(3))
    cv2.rectangle(image, (x1, y1), (x2, y2), wall, -1)
    rows, columns = 3, 4
    for row in range(rows):
        for column in range(columns):
            left = x1 + (column + 0.25) * (x2 - x1) / columns
            top = y1 + (row + 0.2) * (y2 - y1) / rows
            corner = (round(left + 0.5 * (x2 - x1) / columns), round(top + 0.55 * (y2 - y1) / rows))
            cv2.rectangle(image, (round(left), round(top)), corner, (70.0, 62.0, 55.0), -1)


def _tree(image: Field, camera: Camera, where: tuple[float, float], rng: np.random.Generator) -> None:
    x1, y1, x2, y2 = _box(camera, where, 3.2, 5.0)
    middle, radius = (x1 + x2) // 2, max(2, (x2 - x1) // 2)
    cv2.line(image, (middle, y2), (middle, y1 + radius), (40.0, 55.0, 70.0), max(1, radius // 5))
    for _ in range(90):
        angle, reach = rng.uniform(0, 2 * math.pi), radius * math.sqrt(rng.random())
        spot = (round(middle + reach * math.cos(angle)), round(y1 + radius + reach * math.sin(angle)))
        green = float(rng.uniform(45, 105))
        cv2.circle(image, spot, max(1, radius // 5), (green * 0.5, green, green * 0.65), -1)


def _sign(image: Field, camera: Camera, where: tuple[float, float], rng: np.random.Generator) -> None:
    """A board on a post, with words that are no plate."""
    x1, y1, x2, y2 = _box(camera, where, 1.3, 2.6)
    middle = (x1 + x2) // 2
    cv2.line(image, (middle, y2), (middle, y1), (95.0, 95.0, 95.0), max(1, (x2 - x1) // 14))
    board = np.full((160, 320, 3), (150, 90, 20), np.uint8)
    words = str(rng.choice(["EXIT 12", "ROUTE 7", "P 200M", "KEEP LEFT"]))
    draw_text(board, words, (25, 50), Ink(60, (240, 240, 240)))
    bottom = y1 + (x2 - x1) // 2
    left, top, right, low = max(0, x1), max(0, y1), min(camera.width, x2), min(camera.height, bottom)
    if right - left < 4 or low - top < 4 or (x2 - x1) < 6:
        return
    shown = cv2.resize(board, (x2 - x1, bottom - y1), interpolation=cv2.INTER_AREA)
    image[top:low, left:right] = shown[top - y1 : low - y1, left - x1 : right - x1]
