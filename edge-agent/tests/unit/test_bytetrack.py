"""The tracker's promises, over made-up scenes."""

import random
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.track import TrackUpdate, open_tracker

Row = tuple[float, float, float, float]
"""Centre x, centre y, width, score."""

rows = st.lists(
    st.tuples(st.floats(0, 1900), st.floats(0, 1000), st.floats(12, 300), st.floats(0.05, 1.0)),
    max_size=6,
)
scenes = st.lists(rows, max_size=25)


def detections(found: list[Row]) -> Detections:
    boxes = [[x - w / 2, y - w / 6, x + w / 2, y + w / 6] for x, y, w, _ in found]
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array([row[3] for row in found], np.float32))


def follow(scene: list[list[Row]], fps: float = 10) -> list[TrackUpdate]:
    tracker = open_tracker()
    return [tracker.update(detections(found), i / fps) for i, found in enumerate(scene)]


def numbers(updates: list[TrackUpdate]) -> list[list[int]]:
    return [[seen.track for seen in update.seen] for update in updates]


@settings(deadline=None)  # the first call imports scipy
@given(scenes)
def test_numbers_rise_and_are_never_used_again(scene: list[list[Row]]) -> None:
    ended: set[int] = set()
    begun: list[int] = []
    for update in follow(scene):
        ended |= set(update.ended)
        seen = [box.track for box in update.seen]
        assert len(set(seen)) == len(seen)
        assert not ended & set(seen)
        begun += [track for track in seen if track not in begun]
    assert begun == list(range(1, len(begun) + 1))


@given(scenes)
def test_each_track_ends_exactly_once(scene: list[list[Row]]) -> None:
    updates = follow([*scene, *([[]] * 60)])
    ended = [track for update in updates for track in update.ended]
    seen = {box.track for update in updates for box in update.seen}
    assert sorted(ended) == sorted(seen)


@given(scenes, st.randoms(use_true_random=False))
def test_the_order_of_detections_is_irrelevant(scene: list[list[Row]], rng: random.Random) -> None:
    shuffled = [rng.sample(found, len(found)) for found in scene]
    assert follow(shuffled) == follow(scene)


@given(rows)
def test_boxes_are_handed_on_as_detected(found: list[Row]) -> None:
    given_boxes = {tuple(map(float, box)) for box in detections(found).boxes}
    (update,) = follow([found])
    assert {(b.box.x1, b.box.y1, b.box.x2, b.box.y2) for b in update.seen} <= given_boxes


@given(st.floats(0.05, 0.34))
def test_a_weak_box_alone_starts_no_track(score: float) -> None:
    assert numbers(follow([[(500, 500, 90, score)]] * 5)) == [[]] * 5


def test_weak_boxes_carry_a_track_on() -> None:
    scores = [0.9, 0.8, 0.3, 0.2, 0.25, 0.9]
    scene = [[(500.0 + 15 * i, 500.0, 90.0, score)] for i, score in enumerate(scores)]
    assert numbers(follow(scene)) == [[1]] * 6


def test_a_plate_that_moves_by_more_than_its_width_stays_one_track() -> None:
    scene = [[(100.0 + 110 * i, 500.0, 80.0, 0.8)] for i in range(12)]
    assert numbers(follow(scene)) == [[1]] * 12


def test_an_approaching_plate_stays_one_track() -> None:
    scene = [[(900.0 + 4 * 1.13**i, 200.0 + 20 * 1.18**i, 25 * 1.12**i, 0.7)] for i in range(20)]
    assert numbers(follow(scene)) == [[1]] * 20


def test_two_plates_side_by_side_keep_their_numbers() -> None:
    scene = [[(300.0 + 30 * i, 500.0, 80.0, 0.8), (520.0 + 30 * i, 505.0, 85.0, 0.8)] for i in range(20)]
    assert numbers(follow(scene)) == [[1, 2]] * 20


def test_opposite_lanes_keep_their_numbers() -> None:
    scene = [[(200.0 + 40 * i, 500.0, 80.0, 0.8), (1200.0 - 40 * i, 640.0, 90.0, 0.8)] for i in range(25)]
    tracks = [{box.track: box.box.center[1] for box in update.seen} for update in follow(scene)]
    assert all(round(found[1]) == 500 and round(found[2]) == 640 for found in tracks)


def test_a_hidden_plate_is_found_again() -> None:
    scene: list[list[Row]] = [[(300.0 + 30 * i, 500.0, 80.0, 0.8)] for i in range(20)]
    for i in range(8, 13):
        scene[i] = []
    assert [n for n in numbers(follow(scene)) if n] == [[1]] * 15


def test_the_next_car_at_the_same_place_is_another_track() -> None:
    drive = [[(300.0 + 60 * i, 500.0, 80.0, 0.8)] for i in range(10)]
    assert numbers(follow([*drive, *([[]] * 3), *drive]))[-10:] == [[2]] * 10


def test_the_same_plate_seen_twice_is_one_track() -> None:
    scene = [[(500.0 + i, 500.0, 80.0, 0.8), (505.0 + i, 502.0, 95.0, 0.5)] for i in range(10)]
    assert numbers(follow(scene)) == [[1]] * 10


@pytest.mark.parametrize("fps", [3, 5, 15, 30])
def test_the_frame_rate_does_not_matter(fps: float) -> None:
    scene = [[(100 + 300 * i / fps, 500, 80, 0.8)] for i in range(int(3 * fps))]
    assert numbers(follow(scene, fps)) == [[1]] * int(3 * fps)


def test_boxes_without_area_are_no_plates() -> None:
    flat = Detections(np.array([[10, 10, 10, 20]], np.float32), np.array([0.9], np.float32))
    assert open_tracker().update(flat, 0.0).seen == ()


@dataclass
class Walk:
    x: float
    y: float
    speed: float


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_jittering_lone_plate_is_one_track(seed: int) -> None:
    rng = random.Random(seed)
    walk = Walk(rng.uniform(100, 900), rng.uniform(200, 800), rng.uniform(-60, 60))
    scene = []
    for _ in range(25):
        walk.x += walk.speed + rng.gauss(0, 2)
        scene.append([(walk.x, walk.y + rng.gauss(0, 2), 80 * rng.uniform(0.93, 1.07), rng.uniform(0.45, 0.9))])
    assert numbers(follow(scene)) == [[1]] * 25
