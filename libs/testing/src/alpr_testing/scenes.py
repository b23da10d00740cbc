"""A drawn picture of a car with a plate: enough for a real detector and reader, the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT = 1280, 720
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        image: uint8 (720, 1280, 3), BGR.
        text: of the plate, without spaces.
        plate: x1, y1, x2, y2 of the plate in pixels.
    """

    image: NDArray[np.uint8]
    text: str
    plate: tuple[int, int, int, int]


def car_scene(text: str = "KRT 5281", seed: int = 0) -> Scene:
    """The back of a car with a plate that reads `text`; `seed` draws the noise."""
    image = np.full((_HEIGHT, _WIDTH, 3), (150, 160, 150), np.uint8)
    image[int(_HEIGHT * 0.65) :] = (95, 95, 95)
    _car(image)
    plate = _plate(image, text)
    soft = cv2.GaussianBlur(image, (5, 5), 1.2).astype(np.float64)
    noisy = soft + np.random.default_rng(seed).normal(0, 6, image.shape)
    return Scene(np.clip(noisy, 0, 255).astype(np.uint8), text.replace(" ", ""), plate)


def _car(image: NDArray[np.uint8]) -> None:
    shade = np.linspace(1.15, 0.75, 420)[:, None, None]
    image[180:600, 380:900] = np.clip(np.full((420, 520, 3), (70, 50, 40)) * shade, 0, 255)
    cv2.ellipse(image, (640, 215), (230, 110), 0, 180, 360, (60, 60, 60), -1)
    cv2.rectangle(image, (430, 215), (850, 330), (55, 50, 45), -1)
    for x in (395, 800):
        cv2.rectangle(image, (x, 370), (x + 90, 430), (40, 40, 190), -1)
    cv2.rectangle(image, (380, 560), (900, 600), (30, 30, 30), -1)
    for x in (450, 830):
        cv2.ellipse(image, (x, 610), (50, 50), 0, 0, 360, (20, 20, 20), -1)


def _plate(image: NDArray[np.uint8], text: str) -> tuple[int, int, int, int]:
    (width, height), _ = cv2.getTextSize(text, _FONT, 1.05, 3)
    x, y, half = 640, 470, max(90, width // 2 + 14)
    plate = (x - half, y - 25, x + half, y + 25)
    cv2.rectangle(image, (plate[0] - 6, plate[1] - 6), (plate[2] + 6, plate[3] + 6), (35, 35, 35), -1)
    cv2.rectangle(image, plate[:2], plate[2:], (235, 238, 235), -1)
    cv2.putText(image, text, (x - width // 2, y + height // 2), _FONT, 1.05, (25, 25, 25), 3, cv2.LINE_AA)
    return plate
