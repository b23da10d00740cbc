import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.frames import BgrImage, Box
from alpr_edge_agent.recognize import FAST, QUALITY, Treatment
from alpr_edge_agent.recognize.crops import cut, sheared, slope, tallest_line, window

numbers = st.floats(-200, 400)


def striped(fall: float = 0.0, lines: tuple[tuple[int, int], ...] = ((20, 60),)) -> BgrImage:
    """Black strokes on white in rows `lines` (start, end), falling by `fall` pixels a pixel to the right."""
    image = np.full((80, 200, 3), 255, np.uint8)
    for start, end in lines:
        for x in range(15, 185, 12):
            shift = fall * (x - 100)
            cv2.line(image, (x, round(start + shift)), (x, round(end + shift)), (0, 0, 0), 3)
    return image


@given(numbers, numbers, numbers, numbers)
def test_a_window_never_reaches_beyond_the_picture(x: float, y: float, width: float, height: float) -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    found = window(image, Box(x, y, x + width, y + height))
    if found is not None:
        assert 0 < found.shape[0] <= 90
        assert 0 < found.shape[1] <= 160


@given(numbers, numbers, st.floats(0.1, 300), st.floats(0.1, 300), st.sampled_from([*FAST, *QUALITY]))
def test_every_treatment_takes_any_box(x: float, y: float, width: float, height: float, treatment: Treatment) -> None:
    found = cut(np.zeros((90, 160, 3), np.uint8), Box(x, y, x + width, y + height), treatment)
    assert found is None or (found.ndim == 3 and min(found.shape) > 0)


def test_an_inset_takes_its_share_off_each_side() -> None:
    image = np.zeros((200, 400, 3), np.uint8)
    crop = cut(image, Box(100, 50, 200, 100), Treatment(inset=(0.1, 0.2)))
    assert crop is not None
    assert crop.shape == (30, 80, 3)


def test_a_negative_inset_grows() -> None:
    crop = cut(np.zeros((200, 400, 3), np.uint8), Box(100, 50, 200, 100), Treatment(inset=(-0.1, -0.2)))
    assert crop is not None
    assert crop.shape == (70, 120, 3)


@pytest.mark.parametrize("fall", [-0.12, -0.06, 0.0, 0.06, 0.12])
def test_the_slope_of_a_row_of_strokes_is_seen(fall: float) -> None:
    assert slope(striped(fall)) == pytest.approx(fall, abs=0.03)


def test_shearing_makes_a_falling_row_level() -> None:
    assert slope(sheared(striped(0.1), 0.1)) == pytest.approx(0, abs=0.03)


def test_the_tallest_line_leaves_the_small_print_out() -> None:
    line = tallest_line(striped(lines=((4, 12), (22, 64))))
    assert 40 <= line.shape[0] <= 50


def test_a_plate_without_a_band_stays_whole() -> None:
    blank = np.full((60, 200, 3), 128, np.uint8)
    assert tallest_line(blank).shape == blank.shape
