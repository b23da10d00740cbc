"""Which plates count, by their centre."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.passes.zones import inside, within

SQUARE = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))
LETTER_L = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.8), (1.0, 0.8), (1.0, 1.0), (0.0, 1.0))


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_square_holds_what_lies_between_its_sides(x: float, y: float) -> None:
    near_edge = any(abs(value - edge) < 1e-6 for value in (x, y) for edge in (0.2, 0.6))
    assert near_edge or inside((x, y), SQUARE) == (0.2 < x < 0.6 and 0.2 < y < 0.6)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 5))
def test_the_first_corner_is_any(x: float, y: float, turn: int) -> None:
    turned = (*LETTER_L[turn:], *LETTER_L[:turn])
    assert inside((x, y), turned) == inside((x, y), LETTER_L)


def test_a_hollow_corner_is_outside() -> None:
    assert inside((0.1, 0.5), LETTER_L)
    assert not inside((0.5, 0.5), LETTER_L)


def test_ignore_beats_roi_and_no_roi_is_everywhere() -> None:
    boxes = np.array([[300, 300, 340, 320], [900, 300, 940, 320]], np.float32)
    found = Detections(boxes, np.array([0.9, 0.8], np.float32))
    assert within(found, (1000, 1000), (), ()).scores.tolist() == found.scores.tolist()
    assert len(within(found, (1000, 1000), (SQUARE,), ())) == 1
    assert len(within(found, (1000, 1000), (SQUARE,), (SQUARE,))) == 0
    assert len(within(found, (1000, 1000), (), (SQUARE,))) == 1


def test_no_detections_stay_none() -> None:
    nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    assert len(within(nothing, (100, 100), (SQUARE,), ())) == 0
