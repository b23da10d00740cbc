from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from alpr_edge_agent.frames import FrameInfo, GrayImage
from alpr_edge_agent.pipeline.motion import MotionGate
from alpr_edge_agent.pipeline.schedule import Schedule

START = datetime(2026, 1, 1, tzinfo=UTC)


def scene(rng: np.random.Generator, *, level: int = 90, noise: float = 3.0, car_x: int | None = None) -> GrayImage:
    image = rng.normal(level, noise, (180, 320))
    if car_x is not None:
        image[80:100, car_x : car_x + 30] += 60
    return np.clip(image, 0, 255).astype(np.uint8)


def watched(gate: MotionGate, rng: np.random.Generator, seconds: float, **look: int) -> list[bool]:
    frames = int(seconds * 10)
    return [gate.passes(scene(rng, **look), n / 10) for n in range(frames)]


def test_still_scene_is_looked_at_every_two_seconds_only() -> None:
    passed = watched(MotionGate(), np.random.default_rng(1), 20)
    assert 9 <= sum(passed) <= 12


def test_vehicle_that_just_stopped_is_looked_at_three_times_a_second() -> None:
    rng, gate = np.random.default_rng(6), MotionGate()
    watched(gate, rng, 3)
    passed = [gate.passes(scene(rng), 3 + n / 10, watchful=True) for n in range(30)]
    assert 9 <= sum(passed) <= 11


def test_vehicle_passes_in_every_frame() -> None:
    rng, gate = np.random.default_rng(2), MotionGate()
    watched(gate, rng, 3)
    assert all(gate.passes(scene(rng, car_x=8 * n), 3 + n / 10) for n in range(1, 30))


def test_change_of_exposure_is_no_motion() -> None:
    rng, gate = np.random.default_rng(3), MotionGate()
    watched(gate, rng, 1)
    passed = [gate.passes(scene(rng, level=90 + 3 * n), 1 + n / 20) for n in range(18)]
    assert not any(passed)


def test_empty_look_forgets_the_ghost_of_who_left() -> None:
    rng, gate = np.random.default_rng(4), MotionGate()
    gate.passes(scene(rng, car_x=100), 0.0)
    assert gate.passes(scene(rng), 0.1)
    gate.nothing_there()
    assert not gate.passes(scene(rng), 0.2)


def test_motion_outside_the_regions_does_not_count() -> None:
    rng = np.random.default_rng(5)
    gate = MotionGate(roi=(((0.0, 0.0), (1.0, 0.0), (1.0, 0.3), (0.0, 0.3)),))
    watched(gate, rng, 1)
    assert not any(gate.passes(scene(rng, car_x=8 * n), 1 + n / 20) for n in range(1, 18))


def info(number: int, fps: float) -> FrameInfo:
    return FrameInfo("cam", "e", number, START + timedelta(seconds=number / fps), 640, 360)


@given(st.floats(1, 60), st.floats(1, 30))
@hypothesis_settings(deadline=None)
def test_cap_holds_and_is_reached(fps: float, cap: float) -> None:
    schedule = Schedule(cap)
    seconds = 20
    looked = sum(schedule.wants(info(n, fps), lambda: True) for n in range(int(fps * seconds)))
    assert looked <= cap * seconds * 1.12 + 2
    assert looked >= min(fps, cap) * seconds * 0.85 - 2


@given(st.integers(0, 9))
def test_skip_counts_this_cameras_frames(skip: int) -> None:
    schedule = Schedule(None, skip)
    looked = [n for n in range(40) if schedule.wants(info(n, 15), lambda: True)]
    assert looked == list(range(0, 40, skip + 1))


def test_gate_is_not_asked_for_frames_that_are_not_due() -> None:
    asked: list[int] = []
    schedule = Schedule(1.0)
    for n in range(30):
        schedule.wants(info(n, 15), lambda: bool(asked.append(n)) or True)  # noqa: B023
    assert len(asked) <= 4
