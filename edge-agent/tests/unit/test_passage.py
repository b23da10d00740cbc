"""Direction and the budget of readings."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.frames import Box, FrameInfo
from alpr_edge_agent.passes.passage import Budget, Passage

START = datetime(2026, 1, 1, tzinfo=UTC)


def box(x: float, y: float, width: float) -> Box:
    return Box(x - width / 2, y - width / 8, x + width / 2, y + width / 8)


def story(*boxes: Box, seconds: float = 1.0) -> Passage:
    infos = [
        FrameInfo("gate", "e", i, START + timedelta(seconds=seconds * i / max(1, len(boxes) - 1)), 1920, 1080)
        for i in range(len(boxes))
    ]
    passage = Passage(1, infos[0], infos[0], boxes[0], boxes[0], 0.8)
    for info, where in zip(infos[1:], boxes[1:], strict=True):
        passage.see(info, where, 0.8)
    return passage


@pytest.mark.parametrize(
    ("first", "last", "direction"),
    [
        (box(900, 300, 40), box(950, 800, 120), "towards"),
        (box(950, 800, 120), box(900, 300, 40), "away"),
        (box(200, 500, 80), box(1500, 520, 85), "right"),
        (box(1500, 500, 80), box(200, 520, 85), "left"),
        (box(300, 500, 80), box(1500, 560, 100), "right"),
        (box(900, 300, 80), box(900, 600, 85), "towards"),
        (box(900, 600, 80), box(900, 300, 85), "away"),
    ],
)
def test_direction_comes_from_motion_and_growth(first: Box, last: Box, direction: str) -> None:
    assert story(first, last).direction() == direction


def test_a_vehicle_that_stays_is_stationary_and_a_single_sight_says_nothing() -> None:
    here = box(900, 500, 80)
    assert story(here, here, seconds=5.0).direction() == "stationary"
    assert story(here, here, seconds=5.0).stands()
    assert story(here, here, seconds=0.5).direction() is None
    assert story(here).direction() is None


@given(st.lists(st.floats(30, 100), min_size=1, max_size=300))
def test_a_plate_of_one_size_is_read_a_bounded_number_of_times(widths: list[float]) -> None:
    budget = Budget()
    reads = sum(budget.wants(box(900, 500, width)) for width in widths)
    # Heights within 30 to 100 double at most once: two budgets.
    assert 1 <= reads <= 2 * budget.most


def test_a_plate_that_comes_nearer_gets_a_new_budget() -> None:
    budget = Budget()
    far = sum(budget.wants(box(900, 500, 40)) for _ in range(100))
    near = sum(budget.wants(box(900, 500, 90)) for _ in range(100))
    assert far == near == budget.most


def test_first_readings_come_at_once() -> None:
    budget = Budget()
    assert all(budget.wants(box(900, 500, 60)) for _ in range(budget.prompt))
