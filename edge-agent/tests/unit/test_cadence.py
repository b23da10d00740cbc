"""When reports are written: for any run of changes, answers and errors."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from alpr_edge_agent.agent.cadence import DEBOUNCE_S, GAP_S, MOST_RETRY_S, Cadence

changes = st.lists(st.floats(0, 300), max_size=30).map(sorted)
answers = st.lists(st.one_of(st.none(), st.floats(0, 90)), max_size=60)
OK = object()


def played(moments, outcomes, until_s=900.0, refresh_s=300.0):
    """Moments of tries and of successes while changes come at `moments`; outcomes: seconds of Retry-After, or None."""
    cadence, now = Cadence(refresh_s=refresh_s, rng=random.Random(1)), 0.0
    cadence.wrote(now)
    waiting, tries, wins = list(moments), [], [0.0]
    outcomes = iter(outcomes)
    while True:
        due = cadence.due_s()
        if waiting and waiting[0] <= due:
            now = max(now, waiting.pop(0))
            cadence.changed(now)
            continue
        now = max(now, due)
        if now > until_s:
            return tries, wins
        tries.append(now)
        retry_after = next(outcomes, OK)
        if retry_after is OK:
            cadence.wrote(now)
            wins.append(now)
        else:
            cadence.failed(now, retry_after)


@given(changes)
def test_each_change_is_written_within_debounce_and_gap(moments):
    _, wins = played(moments, [])
    for moment in moments:
        written = next(at for at in wins if at >= moment)
        assert written - moment <= DEBOUNCE_S + GAP_S


@given(changes, answers)
def test_writes_keep_their_distance(moments, outcomes):
    tries, wins = played(moments, outcomes)
    assert all(later - earlier > GAP_S - 1e-6 for earlier, later in itertools.pairwise(wins))
    assert all(later - earlier > 1.0 - 1e-6 for earlier, later in itertools.pairwise(tries))


@given(changes, answers)
def test_no_change_is_lost_to_errors(moments, outcomes):
    _, wins = played(moments, outcomes, until_s=60 * 160.0, refresh_s=10_000)
    if moments:
        assert wins[-1] >= moments[-1]


@given(st.floats(1, 600))
def test_what_the_server_asks_for_is_kept_to(wait_s):
    cadence = Cadence(rng=random.Random(2))
    cadence.changed(0.0)
    cadence.failed(5.0, wait_s)
    assert cadence.due_s() >= 5.0 + wait_s
    assert cadence.due_s() <= 5.0 + max(wait_s, GAP_S / 10 + MOST_RETRY_S)


@given(st.integers())
def test_silence_is_broken_about_every_refresh(seed):
    cadence = Cadence(refresh_s=300.0, rng=random.Random(seed))
    cadence.wrote(100.0)
    assert 340.0 <= cadence.due_s() <= 460.0


def test_nothing_to_say_is_never_due():
    assert Cadence().due_s() == float("inf")
