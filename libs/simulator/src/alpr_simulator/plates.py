"""Number plates of four families, drawn from scratch: what is written on them, and how they look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_simulator.alphabet import HEIGHT, Ink, Style, draw_text, text_width

Image = NDArray[np.uint8]
Color = tuple[int, int, int]

PX_PER_M = 1600
"""Resolution of a drawn plate: finer than any camera sees it."""

_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"  # I, O and Q are left out by most countries
_ALL_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate: its text (A-Z0-9), its family, and its picture (BGR) with its size in metres."""

    text: str
    region: str
    image: Image
    width_m: float
    height_m: float


def _spell(template: str, rng: np.random.Generator, letters: str = _LETTERS) -> str:
    pools = {"L": letters, "N": "0123456789"}
    return "".join(str(rng.choice(list(pools[c]))) if c in pools else c for c in template)


def _canvas(width_m: float, height_m: float, color: Color) -> Image:
    image = np.empty((round(height_m * PX_PER_M), round(width_m * PX_PER_M), 3), np.uint8)
    image[:] = color
    return image


def _write(image: Image, text: str, box: tuple[float, float, float, float], color: Color, style: Style) -> None:
    """Write `text` as large as fits into `box` (shares of the plate: left, top, right, bottom), centred."""
    height, width = image.shape[:2]
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    units = text_width(text, style)
    scale = min((right - left) / units, (bottom - top) / (HEIGHT + style.weight))
    tall = scale * (HEIGHT + style.weight)
    origin = ((left + right - units * scale) / 2, (top + bottom - tall) / 2)
    draw_text(image, text, origin, Ink(tall, color, style))


def _border(image: Image, color: Color, share: float = 0.025) -> None:
    thick = max(2, round(image.shape[0] * share))
    cv2.rectangle(image, (thick, thick), (image.shape[1] - thick, image.shape[0] - thick), color, thick, cv2.LINE_AA)


def _style(rng: np.random.Generator, width: float) -> Style:
    return Style(
        weight=float(rng.uniform(1.0, 1.3)),
        boxy=float(rng.uniform(2.1, 3.6)),
        width=float(rng.uniform(0.94, 1.06)) * width,
        gap=float(rng.uniform(0.9, 1.4)),
    )


def _us_like(rng: np.random.Generator) -> Plate:
    template = str(rng.choice(["LLLNNNN", "NLLLNNN", "LLLNNN", "LNNLNN", "NNNLLL", "LLLLLNN", "LLNNNNN"]))
    text = _spell(template, rng, _LETTERS if rng.random() < 0.9 else _ALL_LETTERS)
    ink = [(90, 30, 20), (30, 60, 20), (20, 20, 120), (30, 30, 30)][int(rng.integers(4))]
    ground = [(245, 245, 245), (235, 240, 225), (215, 235, 245), (240, 230, 215)][int(rng.integers(4))]
    image = _canvas(0.305, 0.152, ground)
    shade = np.linspace(0.9, 1.0, image.shape[0])[:, None, None]
    image = np.asarray(image * shade, np.uint8)
    small = Style(weight=1.2, boxy=2.4, gap=1.4)
    _write(
        image,
        str(rng.choice(["SUNNY COAST", "LAKELAND", "NEW HARBOR", "GREEN VALLEY"])),
        (0.2, 0.05, 0.8, 0.2),
        ink,
        small,
    )
    _write(image, text, (0.06, 0.27, 0.94, 0.8), ink, _style(rng, 0.8))
    _write(
        image, str(rng.choice(["LAND OF RIVERS", "EXPLORE", "THE QUIET STATE"])), (0.25, 0.87, 0.75, 0.96), ink, small
    )
    for x in (0.22, 0.78):
        cv2.circle(
            image, (round(x * image.shape[1]), round(0.06 * image.shape[0])), 7, (120, 120, 120), -1, cv2.LINE_AA
        )
    return Plate(text, "us", image, 0.305, 0.152)


def _eu_like(rng: np.random.Generator) -> Plate:
    template = str(rng.choice(["LL NNN LL", "LLL NNNN", "LL LL NNN", "NNNN LLL", "L LL NNNN", "LLN NNNN"]))
    text = _spell(template, rng)
    image = _canvas(0.52, 0.112, (243, 243, 243))
    _border(image, (25, 25, 25))
    band = round(0.085 * image.shape[1])
    image[8:-8, 8:band] = (150, 60, 10)
    _write(
        image, str(rng.choice(["D", "F", "PL", "CZ", "I", "A"])), (0.025, 0.62, 0.07, 0.88), (240, 240, 240), Style()
    )
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        center = (round(band * 0.55 + 18 * np.cos(angle)), round(image.shape[0] * 0.33 + 18 * np.sin(angle)))
        cv2.circle(image, center, 2, (60, 220, 240), -1, cv2.LINE_AA)
    _write(image, text, (0.11, 0.16, 0.97, 0.84), (20, 20, 20), _style(rng, 1.0))
    return Plate(text.replace(" ", ""), "eu", image, 0.52, 0.112)


def _uk_like(rng: np.random.Generator) -> Plate:
    text = _spell("LLNN LLL", rng)
    ground = (240, 242, 242) if rng.random() < 0.5 else (40, 200, 245)
    image = _canvas(0.52, 0.111, ground)
    _write(image, text, (0.04, 0.14, 0.96, 0.86), (15, 15, 15), _style(rng, 1.0))
    return Plate(text.replace(" ", ""), "gb", image, 0.52, 0.111)


def _br_like(rng: np.random.Generator) -> Plate:
    small = Style(weight=1.3, gap=1.8)
    if rng.random() < 0.6:
        text = _spell("LLLNLNN", rng, _ALL_LETTERS)
        image = _canvas(0.4, 0.13, (242, 242, 242))
        image[: round(0.22 * image.shape[0])] = (150, 50, 10)
        _write(image, "BRASIL", (0.35, 0.05, 0.65, 0.18), (245, 245, 245), small)
        _write(image, text, (0.06, 0.32, 0.94, 0.9), (20, 20, 20), _style(rng, 1.0))
        _border(image, (60, 60, 60), 0.015)
    else:
        text = _spell("LLLNNNN", rng, _ALL_LETTERS)
        image = _canvas(0.4, 0.13, (190, 192, 190))
        _write(image, "SP - PORTO NOVO", (0.2, 0.06, 0.8, 0.2), (30, 30, 30), small)
        _write(image, f"{text[:3]}-{text[3:]}", (0.05, 0.32, 0.95, 0.9), (25, 25, 25), _style(rng, 1.0))
        _border(image, (50, 50, 50), 0.015)
    return Plate(text, "br", image, 0.4, 0.13)


_FAMILIES: dict[str, Callable[[np.random.Generator], Plate]] = {
    "us": _us_like,
    "eu": _eu_like,
    "gb": _uk_like,
    "br": _br_like,
}
REGIONS = tuple(_FAMILIES)
"""Names of the families."""


def make_plate(rng: np.random.Generator, region: str | None = None) -> Plate:
    """A plate of `region` (one of `REGIONS`; None: any), a little dirty and unevenly lit."""
    plate = _FAMILIES[region or str(rng.choice(REGIONS))](rng)
    return Plate(plate.text, plate.region, _weather(plate.image, rng), plate.width_m, plate.height_m)


def _weather(image: Image, rng: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    patches = rng.normal(0, float(rng.uniform(2, 14)), (6, 14)).astype(np.float32)
    dirt = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
    light = np.linspace(1, float(rng.uniform(0.82, 1.0)), height, dtype=np.float32)[:, None]
    splashed = _splash(image.astype(np.float32), rng)
    return np.asarray(np.clip((splashed + dirt[..., None]) * light[..., None], 0, 255), np.uint8)


def _splash(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Mud on some plates: it hides little, but makes look-alikes."""
    height, width = image.shape[:2]
    if rng.random() < 0.6:
        return image
    spots = rng.normal(0, 1, (10, 30)).astype(np.float32)
    field = cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)
    cover = np.clip((field - float(rng.uniform(0.9, 1.8))) * 2, 0, float(rng.uniform(0.3, 0.75)))[..., None]
    return np.asarray(image * (1 - cover) + np.array((60, 75, 90), np.float32) * cover, np.float32)
