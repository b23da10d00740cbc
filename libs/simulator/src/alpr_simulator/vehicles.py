"""Vehicles as boxes with painted faces: the end that carries the plate, a side, the roof."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_simulator.alphabet import Ink, Style, draw_text
from alpr_simulator.plates import Color, Image, Plate

PX_PER_M = 320
"""Resolution of the painted faces."""

_PAINTS: tuple[Color, ...] = (
    (38, 38, 40), (200, 202, 204), (120, 122, 126), (40, 40, 130), (110, 60, 25), (60, 80, 40), (225, 228, 230),
    (30, 90, 150), (90, 85, 80),
)  # fmt: skip
_KINDS = {"car": (1.8, 1.45, 4.3), "suv": (1.9, 1.7, 4.6), "van": (2.0, 2.2, 5.4)}


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What drives by.

    Attributes:
        size_m: width, height, length.
        end: the face with the plate (front or rear), BGR with alpha; its plate is painted apart.
        side, roof: the other faces that a camera sees.
        plate_at: centre of the plate in the end face, metres from its left and top edge.
        rear: the plate is seen from behind.
    """

    plate: Plate
    kind: str
    size_m: tuple[float, float, float]
    end: Image
    side: Image
    roof: Image
    plate_at: tuple[float, float]
    rear: bool
    pyramids: dict[str, list[NDArray[np.float32]]] = field(default_factory=dict)


def make_vehicle(rng: np.random.Generator, plate: Plate, *, rear: bool, distract: bool) -> Vehicle:
    """A vehicle around `plate`; with `distract`, other words and numbers stand on it."""
    kind = str(rng.choice(["car", "car", "suv", "van"])) if not distract else "van"
    width, height, length = (value * float(rng.uniform(0.96, 1.04)) for value in _KINDS[kind])
    paint = _PAINTS[int(rng.integers(len(_PAINTS)))]
    plate_y = height - float(rng.uniform(0.42, 0.62 if kind != "suv" else 0.8))
    return Vehicle(
        plate=plate,
        kind=kind,
        size_m=(width, height, length),
        end=_end(rng, (width, height), paint, plate_y, rear=rear, words=distract),
        side=_side(rng, (length, height), paint, words=distract),
        roof=_panel((width, length), tuple(min(255, round(c * 1.15) + 8) for c in paint)),
        plate_at=(width / 2, plate_y),
        rear=rear,
    )


def _panel(size_m: tuple[float, float], color: tuple[int, ...]) -> Image:
    image = np.full((round(size_m[1] * PX_PER_M), round(size_m[0] * PX_PER_M), 4), 255, np.uint8)
    image[..., :3] = color[:3]
    return image


def _end(
    rng: np.random.Generator, size_m: tuple[float, float], paint: Color, plate_y: float, *, rear: bool, words: bool
) -> Image:
    image = _panel(size_m, paint)
    height, width = image.shape[:2]
    _shade(image, rng)
    _window(image, rng)
    belt = round(0.52 * height)
    lamp = (30, 25, 170) if rear else (225, 230, 235)
    for left in (0.03, 0.80):
        corner = (round(left * width), belt)
        cv2.rectangle(image, corner, (corner[0] + round(0.17 * width), belt + round(0.11 * height)), (*lamp, 255), -1)
    bumper = round(0.83 * height)
    image[bumper:, :, :3] = (image[bumper:, :, :3] * 0.45).astype(np.uint8)
    recess = round(plate_y * PX_PER_M)
    hollow = (*(int(c * 0.6) for c in paint), 255)
    cv2.rectangle(image, (round(0.31 * width), recess - 38), (round(0.69 * width), recess + 38), hollow, -1)
    if not rear:
        for y in range(round(0.56 * height), max(recess - 45, round(0.56 * height) + 1), 9):
            cv2.line(image, (round(0.3 * width), y), (round(0.7 * width), y), (25, 25, 25, 255), 4)
    if words:
        _phone_number(image, rng, (0.15 * width, 0.54 * height), 0.05 * height)
    _cut_corners(image)
    return image


def _shade(image: Image, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    light = np.linspace(1.18, 0.72, height)[:, None] * (1 + 0.1 * np.sin(np.linspace(0, np.pi, width)))[None]
    image[..., :3] = np.clip(image[..., :3] * light[..., None] + rng.normal(0, 2), 0, 255).astype(np.uint8)


def _window(image: Image, rng: np.random.Generator) -> None:
    height, width = image.shape[:2]
    corners = np.array([(0.14, 0.08), (0.86, 0.08), (0.93, 0.44), (0.07, 0.44)]) * (width, height)
    glass = int(rng.integers(25, 70))
    cv2.fillPoly(image, [corners.astype(np.int32)], (glass + 12, glass + 6, glass, 255), cv2.LINE_AA)
    shine = np.array([(0.2, 0.1), (0.4, 0.1), (0.3, 0.42), (0.1, 0.42)]) * (width, height)
    overlay = image.copy()
    cv2.fillPoly(overlay, [shine.astype(np.int32)], (150, 145, 140, 255))
    cv2.addWeighted(overlay, 0.3, image, 0.7, 0, image)


def _cut_corners(image: Image) -> None:
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    outline = [(0.03, 0.0), (0.97, 0.0), (1.0, 0.08), (1.0, 0.93), (0.0, 0.93), (0.0, 0.08)]
    cv2.fillPoly(mask, [(np.array(outline) * (width - 1, height - 1)).astype(np.int32)], 255, cv2.LINE_AA)
    for left in (0.03, 0.82):
        cv2.rectangle(
            mask, (round(left * width), round(0.85 * height)), (round((left + 0.15) * width), height), 255, -1
        )
        foot = image[round(0.93 * height) :, round(left * width) : round((left + 0.15) * width)]
        foot[..., :3] = 18
    image[..., 3] = mask


def _side(rng: np.random.Generator, size_m: tuple[float, float], paint: Color, *, words: bool) -> Image:
    image = _panel(size_m, tuple(round(c * 0.8) for c in paint))
    height, width = image.shape[:2]
    _shade(image, rng)
    glass = int(rng.integers(25, 60))
    for left, right in ((0.08, 0.34), (0.37, 0.62), (0.65, 0.92)):
        corners = (round(left * width), round(0.1 * height)), (round(right * width), round(0.42 * height))
        cv2.rectangle(image, *corners, (glass + 10, glass + 5, glass, 255), -1)
    if words:
        _phone_number(image, rng, (0.12 * width, 0.55 * height), 0.16 * height)
    image[round(0.9 * height) :, :, 3] = 0
    for x in (0.2, 0.8):
        center = (round(x * width), round(0.84 * height))
        cv2.circle(image, center, round(0.15 * height), (22, 22, 22, 255), -1, cv2.LINE_AA)
        cv2.circle(image, center, round(0.09 * height), (130, 130, 130, 255), -1, cv2.LINE_AA)
    return image


def _phone_number(image: Image, rng: np.random.Generator, at: tuple[float, float], height_px: float) -> None:
    number = "".join(str(digit) for digit in rng.integers(0, 10, 7))
    surface = np.ascontiguousarray(image[..., :3])
    draw_text(surface, f"{number[:3]}-{number[3:]}", at, Ink(height_px, (30, 30, 160), Style(weight=0.9)))
    image[..., :3] = surface
