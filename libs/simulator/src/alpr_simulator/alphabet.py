"""A plate alphabet of our own: strokes with a width and round or square bends, so that no font is needed.

Every glyph stands on a grid 8 units high with y pointing down. It resembles what plates are stamped with, and copies
no country's typeface.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Stroke = list[Point]

HEIGHT = 8.0
"""Units from the top of a glyph to its foot."""


@dataclass(frozen=True, slots=True)
class Style:
    """How the alphabet is drawn.

    Attributes:
        weight: width of a stroke, in units.
        boxy: 2 bends like an ellipse, more is squarer.
        width: factor on the glyphs' width.
        gap: between two glyphs, in units, beside the stroke.
    """

    weight: float = 1.15
    boxy: float = 2.6
    width: float = 1.0
    gap: float = 1.1


def arc(center: Point, radii: Point, start: float, end: float, boxy: float) -> Stroke:
    """A bend from `start` to `end` degrees (0 right, 90 down), on a superellipse."""
    count = max(3, int(abs(end - start) / 10))
    return [_on_curve(center, radii, math.radians(a), boxy) for a in np.linspace(start, end, count)]


def _on_curve(center: Point, radii: Point, angle: float, boxy: float) -> Point:
    c, s = math.cos(angle), math.sin(angle)
    x = math.copysign(abs(c) ** (2 / boxy), c) * radii[0]
    y = math.copysign(abs(s) ** (2 / boxy), s) * radii[1]
    return center[0] + x, center[1] + y


def strokes(character: str, boxy: float) -> list[Stroke]:
    """The strokes of one character (A-Z, 0-9, space, hyphen, dot); none for others."""
    straight = _STRAIGHT.get(character)
    return straight if straight is not None else _bent(character, boxy)


_STRAIGHT: dict[str, list[Stroke]] = {
    "A": [[(0, 8), (2.1, 0), (4.2, 8)], [(0.75, 5.5), (3.45, 5.5)]],
    "E": [[(3.7, 0), (0, 0), (0, 8), (3.7, 8)], [(0, 3.9), (3.2, 3.9)]],
    "F": [[(3.7, 0), (0, 0), (0, 8)], [(0, 4), (3.2, 4)]],
    "H": [[(0, 0), (0, 8)], [(4, 0), (4, 8)], [(0, 4), (4, 4)]],
    "I": [[(0.3, 0), (0.3, 8)]],
    "K": [[(0, 0), (0, 8)], [(4, 0), (0.2, 4.8)], [(1.5, 3.4), (4.2, 8)]],
    "L": [[(0, 0), (0, 8), (3.6, 8)]],
    "M": [[(0, 8), (0, 0), (2.5, 5), (5, 0), (5, 8)]],
    "N": [[(0, 8), (0, 0), (4, 8), (4, 0)]],
    "T": [[(0, 0), (4.2, 0)], [(2.1, 0), (2.1, 8)]],
    "V": [[(0, 0), (2.1, 8), (4.2, 0)]],
    "W": [[(0, 0), (1.4, 8), (2.8, 1.2), (4.2, 8), (5.6, 0)]],
    "X": [[(0, 0), (4.2, 8)], [(4.2, 0), (0, 8)]],
    "Y": [[(0, 0), (2.1, 4.2), (4.2, 0)], [(2.1, 4.2), (2.1, 8)]],
    "Z": [[(0.1, 0), (4, 0), (0, 8), (4, 8)]],
    "1": [[(0, 1.9), (1.8, 0), (1.8, 8)]],
    "4": [[(3, 8), (3, 0), (0, 5.7), (4.2, 5.7)]],
    "7": [[(0, 0), (4, 0), (1.4, 8)]],
    "-": [[(0, 4.2), (1.8, 4.2)]],
    ".": [[(0, 7.8), (0.1, 7.8)]],
    " ": [],
}


def _bent(character: str, boxy: float) -> list[Stroke]:
    def bend(*circle: float) -> Stroke:  # x, y, radius in x and in y, from and to angle
        x, y, rx, ry, start, end = circle
        return arc((x, y), (rx, ry), start, end, boxy)

    bowl = [(0.0, 8.0), (0.0, 0.0), (2.2, 0.0), *bend(2.2, 2.2, 1.9, 2.2, -90, 90), (0.0, 4.4)]
    ring = bend(2.4, 4, 2.4, 4, 0, 360)
    shapes: dict[str, list[Stroke]] = {
        "B": [
            [(0, 0), (0, 8)],
            [(0, 0), (2.2, 0), *bend(2.2, 1.95, 1.7, 1.95, -90, 90), (0, 3.9)],
            [(0, 3.9), (2.2, 3.9), *bend(2.2, 5.95, 1.95, 2.05, -90, 90), (0, 8)],
        ],
        "C": [bend(2.1, 4, 2.1, 4, -40, -320)],
        "D": [[(0, 0), (0, 8)], [(0, 0), (1.6, 0), *bend(1.6, 4, 2.6, 4, -90, 90), (0, 8)]],
        "G": [bend(2.1, 4, 2.1, 4, -40, -310), [(2.3, 4.4), (4.1, 4.4), (4.1, 7.2)]],
        "J": [[(3, 0), (3, 5.8), *bend(1.5, 5.8, 1.5, 2.2, 0, 170)]],
        "O": [ring],
        "P": [bowl],
        "Q": [ring, [(2.7, 5.7), (4.9, 8.4)]],
        "R": [bowl, [(2.0, 4.4), (4.1, 8.0)]],
        "S": [[*bend(2, 2, 1.9, 2, -25, -270), *bend(2, 6, 2.0, 2, -90, 155)]],
        "U": [[(0, 0), (0, 5.6), *bend(2, 5.6, 2, 2.4, 180, 0), (4, 0)]],
        "0": [bend(2, 4, 1.95, 4, 0, 360)],
        "2": [[*bend(2, 2.2, 1.9, 2.2, -170, 25), (0, 8), (4, 8)]],
        "3": [bend(1.9, 2, 1.9, 2, -155, 90), bend(1.9, 6, 2.1, 2, -90, 155)],
        "5": [[(3.7, 0), (0.5, 0), (0.25, 3.7), *bend(1.9, 5.4, 2.1, 2.6, -125, 150)]],
        "6": [bend(2, 5.5, 2, 2.5, 0, 360), [(3.3, 0), (1.3, 2.4), (0.2, 4.6)]],
        "8": [bend(2, 2, 1.75, 2, 0, 360), bend(2, 6, 2, 2, 0, 360)],
        "9": [bend(2, 2.5, 2, 2.5, 0, 360), [(3.8, 3.4), (2.7, 5.6), (0.7, 8)]],
    }
    return shapes.get(character, [])


def advance(character: str, style: Style) -> float:
    """Units from the start of a glyph to the end of its ink; a space is half a glyph."""
    if character == " ":
        return 1.2
    xs = [x for stroke in strokes(character, style.boxy) for x, _ in stroke]
    return (max(xs) if xs else 0.0) * style.width + style.weight


def text_width(text: str, style: Style) -> float:
    """Units that `text` takes in one line."""
    return sum(advance(c, style) for c in text) + style.gap * max(0, len(text) - 1)


@dataclass(frozen=True, slots=True)
class Ink:
    """How tall and in which colour (BGR) a line is written."""

    height_px: float
    color: tuple[int, int, int]
    style: Style = Style()


def draw_text(image: NDArray[np.uint8], text: str, origin: Point, ink: Ink) -> None:
    """Draw one line into `image` (changed in place); `origin` is its top left corner in pixels."""
    style = ink.style
    scale = ink.height_px / (HEIGHT + style.weight)
    x = origin[0]
    for character in text:
        for stroke in strokes(character, style.boxy):
            _draw_stroke(image, stroke, (x, origin[1]), scale, ink)
        x += (advance(character, style) + style.gap) * scale


def _draw_stroke(image: NDArray[np.uint8], stroke: Stroke, at: Point, scale: float, ink: Ink) -> None:
    style = ink.style
    half = style.weight / 2
    points = np.array([((x * style.width + half) * scale + at[0], (y + half) * scale + at[1]) for x, y in stroke])
    fixed = np.round(points * 16).astype(np.int32)  # cv2 draws at a sixteenth of a pixel
    thickness = max(1, round(style.weight * scale))
    cv2.polylines(image, [fixed], isClosed=False, color=ink.color, thickness=thickness, lineType=cv2.LINE_AA, shift=4)
