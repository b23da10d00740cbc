"""Pictures take no more of the uplink than they are given, and no less where they could."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.agent.bandwidth import Bandwidth

RATE = 1000


def sent_at(sizes, gaps, rate=RATE):
    """When each picture goes, if it comes `gap` seconds after the one before went."""
    cap, now, went = Bandwidth(rate), 100.0, []
    for size, gap in zip(sizes, gaps, strict=True):
        now += gap
        now += cap.wait_s(size, now)
        went.append((now, size))
    return went


pictures = st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 3)), min_size=1, max_size=40)


@given(pictures)
def test_no_span_of_time_has_more_than_its_share(coming):
    went = sent_at(*zip(*coming, strict=True))
    for first, (began, _) in enumerate(went):
        for last in range(first, len(went)):
            many = sum(size for _, size in went[first : last + 1])
            beyond = RATE + max(size for _, size in went[first : last + 1])
            assert many <= (went[last][0] - began) * RATE + beyond + 0.01


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=40))
def test_who_always_has_a_picture_gets_the_whole_share(sizes):
    went = sent_at(sizes, [0.0] * len(sizes))
    took = went[-1][0] - went[0][0]
    assert took <= sum(sizes) / RATE


def test_one_picture_after_a_pause_goes_at_once():
    cap = Bandwidth(RATE)
    assert cap.wait_s(50_000, 0.0) == 0
    assert cap.wait_s(1, 10.0) == pytest.approx(39.0)
    assert cap.wait_s(1, 1000.0) == 0
