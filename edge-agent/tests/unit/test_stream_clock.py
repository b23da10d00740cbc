from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.sources.stream_clock import StreamClock

START = 1_800_000_000.0


def feed(clock: StreamClock, pts_s: float, delay_s: float, true_start: float = START) -> float:
    """The error, in seconds, of the time given to a frame that was taken at `true_start + pts_s`."""
    clock.arrived(pts_s, true_start + pts_s + delay_s)
    return clock.captured_at(pts_s).timestamp() - (true_start + pts_s)


@given(st.integers(0, 2**32), st.floats(0, 0.15), st.floats(0.0, 0.4))
def test_jitter_of_the_line_does_not_show(seed: int, least_s: float, jitter_s: float) -> None:
    rng = random.Random(seed)
    clock = StreamClock()
    errors = [feed(clock, n / 15, least_s + rng.random() * jitter_s) for n in range(300)]
    assert max(errors[150:]) <= 0.2  # the smallest of 150 delays is near the least one
    assert min(errors) >= -1e-6


@given(st.lists(st.floats(0, 2), min_size=2, max_size=50))
def test_times_rise_strictly(delays_s: list[float]) -> None:
    clock = StreamClock()
    given_times = []
    for n, delay_s in enumerate(delays_s):
        clock.arrived(n / 30, START + n / 30 + delay_s)
        given_times.append(clock.captured_at(n / 30))
    assert all(a < b for a, b in itertools.pairwise(given_times))


def test_stalled_line_dates_late_frames_by_when_they_were_taken() -> None:
    clock = StreamClock()
    for n in range(60):
        feed(clock, n / 15, 0.02)
    late = [feed(clock, (60 + n) / 15, 6.0 - n / 15) for n in range(60)]
    assert max(abs(error) for error in late) < 0.05


def test_sender_that_counts_from_zero_again_is_followed_at_once() -> None:
    clock = StreamClock()
    for n in range(60):
        feed(clock, 500 + n / 15, 0.02)
    clock.arrived(0.0, START + 504.1)
    assert abs(clock.captured_at(0.0).timestamp() - (START + 504.1)) < 0.01


def test_clock_drift_is_followed() -> None:
    clock = StreamClock()
    errors = []
    for n in range(15 * 120):
        taken = START + n / 15
        clock.arrived(n / 15 * 0.999, taken + 0.02)  # a camera's clock that loses a millisecond a second
        errors.append(clock.captured_at(n / 15 * 0.999).timestamp() - taken)
    assert max(abs(error) for error in errors) < 0.1


def test_times_are_aware_utc() -> None:
    clock = StreamClock()
    clock.arrived(1.0, START)
    assert clock.captured_at(1.0) == datetime.fromtimestamp(START, UTC)
