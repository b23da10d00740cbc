"""A scene is the same for the same seed, busy for the share that was asked, and true to the pixel."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpr_simulator.scene import Scene, Simulation
from alpr_simulator.traffic import timetable
from alpr_simulator.truth import PlateSight, Truth

SMALL = Scene(seed=5, seconds=3, fps=10, width=640, height=360, occupancy=0.8, vehicles=1, hardship=0)


@pytest.fixture(scope="module")
def small() -> Simulation:
    return Simulation(SMALL)


@pytest.fixture(scope="module")
def small_frames(small: Simulation) -> list[np.ndarray]:
    return list(small.frames())


def largest(truth: Truth) -> PlateSight:
    return max((s for v in truth.vehicles for s in v.sights if s.visibility == 1), key=lambda s: s.width_px)


def test_the_same_seed_gives_the_same_frames_and_truth(small: Simulation, small_frames: list[np.ndarray]) -> None:
    again = Simulation(SMALL)
    assert again.truth == small.truth
    assert all(np.array_equal(a, b) for a, b in zip(again.frames(), small_frames, strict=True))


def test_another_seed_gives_another_scene(small: Simulation) -> None:
    other = Simulation(Scene(seed=6, seconds=3, fps=10, width=640, height=360, vehicles=1))
    assert other.truth.vehicles[0].text != small.truth.vehicles[0].text


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.25, 0.5, 1.0]))
def test_the_share_of_busy_frames_is_met(seed: int, occupancy: float) -> None:
    truth = Simulation(Scene(seed, seconds=20, fps=5, width=320, height=180, occupancy=occupancy)).truth
    assert abs(truth.occupancy - occupancy) <= 0.02


def test_seed_one_is_busy_for_a_quarter() -> None:
    truth = Simulation(Scene(seed=1, seconds=120, fps=15, width=320, height=180, occupancy=0.25)).truth
    assert truth.frames == 1800
    assert abs(truth.occupancy - 0.25) <= 0.02
    assert len(truth.vehicles) >= 5


def test_an_empty_street_has_no_vehicles() -> None:
    truth = Simulation(Scene(seed=1, seconds=2, fps=5, width=320, height=180, occupancy=0)).truth
    assert (truth.vehicles, truth.busy_frames) == ((), 0)


def test_the_plate_is_painted_where_the_truth_says(small: Simulation, small_frames: list[np.ndarray]) -> None:
    sight = largest(small.truth)
    x1, y1, x2, y2 = (round(value) for value in sight.box)
    inside = small_frames[sight.frame][y1:y2, x1:x2].astype(float)
    change = np.abs(inside - small.background[y1:y2, x1:x2]).mean()
    assert change > 20
    assert inside.std() > 15  # characters on their ground


def test_quads_keep_their_order_and_shape(small: Simulation) -> None:
    for sight in small.truth.vehicles[0].sights:
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = sight.quad
        assert ax < bx
        assert dx < cx
        assert ay < dy
        assert by < cy


def test_what_comes_nearer_grows() -> None:
    for seed in range(5, 40):
        truth = Simulation(Scene(seed, seconds=3, fps=10, width=640, height=360, occupancy=0.8, vehicles=1)).truth
        (vehicle,) = truth.vehicles
        widths = [sight.width_px for sight in vehicle.sights if sight.visibility == 1]
        if vehicle.direction in {"towards", "away"} and len(widths) > 3:
            steps = [b - a for a, b in pairwise(widths)]
            assert all(step > 0 for step in steps) == (vehicle.direction == "towards")
            return
    pytest.fail("no seed drives along the view")


def test_a_timetable_keeps_the_drives_apart_by_whole_frames(small: Simulation) -> None:
    drives = timetable(list(small.drives), 100, 10.0, 0.3, np.random.default_rng(1))
    (drive,) = drives
    assert drive.lasts_s == pytest.approx(3.0)
