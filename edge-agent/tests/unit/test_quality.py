"""How much a view is worth."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.frames import Box
from alpr_edge_agent.passes.quality import cut, sharpness, weight


def plate(width: int = 200) -> np.ndarray:
    image = np.full((60, width, 3), 240, np.uint8)
    for x in range(10, width - 10, 16):
        cv2.rectangle(image, (x, 12), (x + 6, 48), (20, 20, 20), -1)
    return image


def test_blur_costs_sharpness() -> None:
    values = [sharpness(plate())] + [sharpness(cv2.GaussianBlur(plate(), (0, 0), s)) for s in (2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 2 * values[-1]


def test_darkness_does_not_cost_sharpness() -> None:
    dark = (plate() * 0.3).astype(np.uint8)
    assert abs(sharpness(dark) - sharpness(plate())) < 0.1


def test_nothing_to_see_is_not_sharp() -> None:
    assert sharpness(np.full((40, 120, 3), 128, np.uint8)) == 0
    assert sharpness(np.zeros((2, 2, 3), np.uint8)) == 0
    assert sharpness(np.zeros((0, 5, 3), np.uint8)) == 0


def test_grey_crops_count_like_coloured_ones() -> None:
    assert sharpness(cv2.cvtColor(plate(), cv2.COLOR_BGR2GRAY)) == sharpness(plate())


@given(st.floats(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_wider_and_sharper_views_are_worth_more(width: float, sharp: float, other: float) -> None:
    low, high = sorted((sharp, other))
    assert 0.05 <= weight(width, low) <= weight(width, high) <= 1
    assert weight(width, low) <= weight(width + 10, low)


@given(st.floats(-50, 150), st.floats(-50, 150), st.floats(0, 100), st.floats(0, 100))
def test_a_cut_stays_inside_its_picture(x: float, y: float, width: float, height: float) -> None:
    part = cut(np.zeros((100, 120, 3), np.uint8), Box(x, y, x + width, y + height))
    assert part.shape[0] <= 100
    assert part.shape[1] <= 120
