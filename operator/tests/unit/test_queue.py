"""The queue of sites: each once, in the order they are due, failures alone."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_operator.queue import SiteQueue
from alpr_operator.store import SiteKey

A, B, C = (SiteKey("ns", name) for name in "abc")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def taken(queue):
    return asyncio.run(asyncio.wait_for(queue.take(), 1))


def test_a_site_marked_often_comes_once_and_is_not_pushed_back(clock):
    queue = SiteQueue(0.25, clock=clock)
    for _ in range(5):
        queue.mark(A)
        clock.now += 0.06
    assert taken(queue) == A
    assert len(queue) == 1
    queue.done(A)
    assert len(queue) == 0


def test_the_first_change_of_a_quiet_site_comes_soon_and_the_next_ones_wait_for_more(clock):
    queue = SiteQueue(1.0, clock=clock)
    queue.mark(A)
    clock.now += 0.2
    assert taken(queue) == A
    queue.done(A)
    queue.mark(A)
    clock.now += 0.5
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(queue.take(), 0.01))
    clock.now += 0.5
    assert taken(queue) == A


def test_sites_come_in_the_order_they_fell_due(clock):
    queue = SiteQueue(0, clock=clock)
    for key in (B, A, C):
        queue.mark(key)
        clock.now += 0.01
    assert [taken(queue) for _ in range(3)] == [B, A, C]


def test_a_mark_during_the_pass_brings_it_again(clock):
    queue = SiteQueue(0, clock=clock)
    queue.mark(A)
    assert taken(queue) == A
    queue.mark(A)
    queue.done(A)
    assert taken(queue) == A
    queue.done(A)
    assert len(queue) == 0


def test_the_earlier_of_two_moments_counts(clock):
    queue = SiteQueue(0, clock=clock)
    queue.mark(A, after_s=60)
    queue.mark(A, after_s=5)
    queue.mark(A, after_s=30)
    clock.now += 5
    assert taken(queue) == A


def test_a_failing_site_backs_off_alone_and_longer_each_time(clock):
    queue = SiteQueue(0, clock=clock)
    waits = []
    for _ in range(12):
        queue.mark(A)
        clock.now += 400
        assert taken(queue) == A
        waits.append(queue.failed(A))
    assert waits[0] <= 1.0
    assert waits[-1] >= 150
    assert max(waits) <= 300
    queue.mark(B)
    assert taken(queue) == B


def test_events_do_not_hammer_a_site_that_backs_off(clock):
    queue = SiteQueue(0, clock=clock)
    queue.mark(A)
    taken(queue)
    for _ in range(8):
        queue.failed(A)
        clock.now += 400
        assert taken(queue) == A
    queue.failed(A)
    queue.mark(A)
    queue.mark(B)
    assert taken(queue) == B
    clock.now += 5
    assert taken(queue) == A


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.floats(0, 10)), min_size=1, max_size=20))
def test_every_marked_site_is_taken_exactly_once(marks):
    clock = Clock()
    queue = SiteQueue(0, clock=clock)
    for key, after_s in marks:
        queue.mark(key, after_s)
    clock.now += 11
    wanted = {key for key, _ in marks}
    got = [taken(queue) for _ in wanted]
    assert set(got) == wanted
    for key in got:
        queue.done(key)
    assert len(queue) == 0
