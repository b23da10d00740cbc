from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.crashes.marks import Mark
from alpr_edge_agent.crashes.quarantine import (
    CRASHES,
    RETRY_AFTER_S,
    WITHIN_S,
    Ledger,
    acquitted,
    admission,
    charged,
    culprits,
    pruned,
)

CAMERAS = ("a", "b", "c", "d")
SPECS = {name: f"spec-{name}" for name in CAMERAS}
T0 = 1_800_000_000.0


def mark(camera: str, *stages: str, thread: int = 0) -> Mark:
    return Mark(camera, stages or ("decode",), thread)


def test_crashed_thread_names_the_one_culprit() -> None:
    marks = [mark("a", thread=11), mark("b", thread=12), mark("c", "detect")]
    assert culprits(marks, 12, "a") == ("b",)


def test_crash_in_a_batch_is_charged_to_all_in_it_or_to_the_one_on_probation() -> None:
    marks = [mark("a", "detect"), mark("b", "detect")]
    assert culprits(marks, 99, None) == ("a", "b")
    assert culprits(marks, 99, "b") == ("b",)


def test_third_crash_in_ten_minutes_quarantines_for_an_hour() -> None:
    ledger = Ledger()
    for n in range(CRASHES):
        ledger = charged(ledger, ["a"], SPECS, T0 + n * 60)
    assert admission(ledger, CAMERAS, T0 + 130).quarantined == {"a": T0 + 120 + RETRY_AFTER_S}
    after = T0 + 121 + RETRY_AFTER_S
    plan = admission(pruned(ledger, SPECS, after), CAMERAS, after)
    assert plan.quarantined == {}
    assert plan.suspects == ("a",)


def test_slow_crashes_never_quarantine() -> None:
    ledger = Ledger()
    for n in range(10):
        ledger = charged(ledger, ["a"], SPECS, T0 + n * (WITHIN_S / 2 + 1))
    assert admission(ledger, CAMERAS, T0).quarantined == {}


def test_new_configuration_clears_the_record() -> None:
    ledger = Ledger()
    for n in range(CRASHES):
        ledger = charged(ledger, ["a"], SPECS, T0 + n)
    assert pruned(ledger, {**SPECS, "a": "other"}, T0 + 5).records == {}


def test_acquitted_camera_is_free_but_its_crashes_count_on() -> None:
    ledger = charged(charged(Ledger(), ["a"], SPECS, T0), ["a"], SPECS, T0 + 1)
    ledger = acquitted(ledger, "a")
    assert "a" in admission(ledger, CAMERAS, T0 + 2).free
    assert "a" in admission(charged(ledger, ["a"], SPECS, T0 + 3), CAMERAS, T0 + 4).quarantined


@given(st.lists(st.tuples(st.lists(st.sampled_from(CAMERAS), unique=True), st.floats(0, 2000)), max_size=12))
def test_every_camera_is_in_exactly_one_group(crashes: Sequence[tuple[list[str], float]]) -> None:
    ledger, now = Ledger(), T0
    for guilty, gap_s in crashes:
        now += gap_s
        ledger = charged(pruned(ledger, SPECS, now), guilty, SPECS, now)
    plan = admission(ledger, CAMERAS, now)
    assert sorted([*plan.free, *plan.suspects, *plan.quarantined]) == sorted(CAMERAS)
    untouched = set(CAMERAS) - {name for guilty, _ in crashes for name in guilty}
    assert untouched <= set(plan.free)


class Simulated:
    """Processes that live until a bad camera crashes them; each start reads the ledger of the one before."""

    PROBATION_S: ClassVar = 15.0

    def __init__(self, bad: str, after_s: float, marked_beside: tuple[str, ...]) -> None:
        self.bad, self.after_s, self.beside = bad, after_s, marked_beside
        self.ledger = Ledger()

    def live(self, now: float) -> float:
        """One process from `now` on; when it crashed, or `now + 600` if it lives."""
        end = now + 600.0
        self.ledger = pruned(self.ledger, SPECS, now)
        plan = admission(self.ledger, CAMERAS, now)
        running = list(plan.free)
        at = now
        for suspect in plan.suspects:
            running.append(suspect)
            if self.bad == suspect and self.after_s <= self.PROBATION_S:
                return self._crash(at + self.after_s, running, suspect)
            at += self.PROBATION_S
            self.ledger = acquitted(self.ledger, suspect)
        return self._crash(now + self.after_s, running, None) if self.bad in running else end

    def _crash(self, at: float, running: list[str], on_probation: str | None) -> float:
        marked = [mark(name) for name in running if name == self.bad or name in self.beside]
        self.ledger = charged(self.ledger, culprits(marked, None, on_probation), SPECS, at)
        return at


@given(st.sampled_from(CAMERAS), st.floats(0.1, 14.0), st.lists(st.sampled_from(CAMERAS), unique=True))
def test_culprit_is_quarantined_and_the_innocent_run_on(bad: str, after_s: float, beside: list[str]) -> None:
    world, now, lives = Simulated(bad, after_s, tuple(beside)), T0, 0
    while bad not in admission(world.ledger, CAMERAS, now).quarantined:
        now, lives = world.live(now), lives + 1
        assert lives <= CRASHES + 1
    assert set(admission(world.ledger, CAMERAS, now).quarantined) == {bad}
