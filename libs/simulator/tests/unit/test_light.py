"""Patches of light lie on the plate, and nowhere else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alpr_simulator.light import dapple
from alpr_simulator.scene import Scene, Simulation

PLATE = np.array([[100, 80], [200, 84], [200, 112], [100, 108]], float)


@given(st.integers(0, 1000))
def test_a_patch_stays_on_the_plate(seed: int) -> None:
    frame = np.full((200, 300, 3), 128, np.uint8)
    dapple(frame, PLATE, np.random.default_rng(seed))
    changed = np.argwhere((frame != 128).any(axis=2))
    assert all(80 <= y <= 113 and 100 <= x <= 201 for y, x in changed)


def test_a_plate_out_of_the_picture_changes_nothing() -> None:
    frame = np.full((50, 60, 3), 128, np.uint8)
    dapple(frame, PLATE, np.random.default_rng(1))
    assert (frame == 128).all()


def test_dappled_scenes_are_repeatable_and_differ_from_plain_ones() -> None:
    def frames(share: float) -> list[np.ndarray]:
        scene = Scene(3, seconds=1.0, fps=4, width=320, height=180, occupancy=0.9, vehicles=1, dapple=share)
        return list(Simulation(scene).frames())

    assert all((a == b).all() for a, b in zip(frames(1.0), frames(1.0), strict=True))
    assert any((a != b).any() for a, b in zip(frames(1.0), frames(0.0), strict=True))
