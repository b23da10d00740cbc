"""Our own alphabet and plates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpr_plates.text import normalize
from alpr_simulator.alphabet import Ink, Style, advance, draw_text, strokes, text_width
from alpr_simulator.plates import REGIONS, make_plate

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@pytest.mark.parametrize("character", CHARACTERS)
def test_every_character_has_strokes_within_its_cell(character: str) -> None:
    points = [point for stroke in strokes(character, 2.6) for point in stroke]
    assert points
    assert all(-0.3 <= x <= 6 and -0.3 <= y <= 8.5 for x, y in points)


def test_no_two_characters_look_the_same() -> None:
    def drawn(character: str) -> bytes:
        image = np.zeros((96, 80), np.uint8)
        draw_text(image, character, (4, 4), Ink(80, (255, 255, 255)))
        return image.tobytes()

    assert len({drawn(character) for character in CHARACTERS}) == len(CHARACTERS)


@given(st.text(CHARACTERS, min_size=1, max_size=8))
def test_ink_is_as_wide_as_announced(text: str) -> None:
    style = Style()
    height_px = 60
    scale = height_px / (8 + style.weight)
    image = np.zeros((90, 800), np.uint8)
    draw_text(image, text, (5, 5), Ink(height_px, (255, 255, 255), style))
    columns = np.flatnonzero(image.any(axis=0))
    assert abs((columns[-1] - 5) - text_width(text, style) * scale) < 0.8 * scale
    assert advance(text[0], style) > 0


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(REGIONS), st.integers(0, 1000))
def test_plates_hold_normalised_text_and_contrast(region: str, seed: int) -> None:
    plate = make_plate(np.random.default_rng(seed), region)
    assert plate.region == region
    assert plate.text == normalize(plate.text)
    assert 6 <= len(plate.text) <= 8
    assert plate.image.std() > 20
    assert plate.image.shape[1] / plate.image.shape[0] == pytest.approx(plate.width_m / plate.height_m, rel=0.02)
