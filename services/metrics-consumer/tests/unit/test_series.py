"""The latest figures: newest wins, bounded, forgotten when stale."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_metrics_consumer.series import TOMBSTONE, Bounds, Labels, Outcome, Sample, Series, label

NOW = 1_800_000_000.0


def sample(name="fps", value=1.0, at=NOW, host="h1", site="north"):
    return Sample(Labels(host, site, "FPS", name), value, at)


def test_latest_figure_wins_whatever_the_order():
    series = Series(Bounds())
    assert series.offer(sample(value=2.0, at=NOW - 1), NOW) is Outcome.EXPOSED
    assert series.offer(sample(value=1.0, at=NOW - 5), NOW) is Outcome.OLDER
    assert series.offer(sample(value=3.0, at=NOW), NOW) is Outcome.EXPOSED
    assert [s.value for s in series.current(NOW)] == [3.0]


def test_record_that_comes_twice_changes_nothing():
    series = Series(Bounds())
    for _ in range(2):
        series.offer(sample(), NOW)
    assert series.current(NOW) == [sample()]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (sample(at=NOW - 301), Outcome.STALE),
        (sample(at=NOW + 301), Outcome.FUTURE),
        (sample(value=math.nan), Outcome.NOT_FINITE),
        (sample(value=math.inf), Outcome.NOT_FINITE),
        (sample(name="memory_free"), Outcome.NOT_ALLOWED),
        (sample(name="fps{evil}"), Outcome.NOT_ALLOWED),
    ],
)
def test_what_is_not_current_or_not_allowed_is_not_shown(given, outcome):
    series = Series(Bounds(allow=("fps*",)))
    assert series.offer(given, NOW) is outcome
    assert series.current(NOW) == []


def test_tombstones_are_left_to_the_ledger():
    assert Series(Bounds()).offer(sample(name=TOMBSTONE), NOW) is Outcome.NOT_ALLOWED


def test_series_without_figures_are_forgotten_and_make_room():
    series = Series(Bounds(max_series=1, max_series_a_host=1))
    series.offer(sample(name="old"), NOW)
    assert series.offer(sample(name="new", at=NOW + 299), NOW + 299) is Outcome.OVERFLOW
    assert series.offer(sample(name="new", at=NOW + 400), NOW + 400) is Outcome.EXPOSED
    assert [s.labels.name for s in series.current(NOW + 400)] == ["new"]


def test_one_host_cannot_take_the_room_of_the_others():
    series = Series(Bounds(max_series=10, max_series_a_host=2))
    outcomes = [series.offer(sample(name=f"n{n}"), NOW) for n in range(5)]
    assert outcomes.count(Outcome.OVERFLOW) == 3
    assert series.offer(sample(host="h2"), NOW) is Outcome.EXPOSED


def test_silent_host_stays_visible_by_its_last_sign():
    series = Series(Bounds())
    series.offer(sample(), NOW)
    assert series.current(NOW + 3600) == []
    assert series.hosts(NOW + 3600) == {("h1", "north"): NOW}
    assert series.hosts(NOW + 100_000) == {}


samples = st.builds(
    sample,
    name=st.sampled_from([f"m{n}" for n in range(8)]),
    value=st.floats(),
    at=st.floats(NOW - 1000, NOW + 1000),
    host=st.sampled_from(["a", "b", "c", "d"]),
)


@given(st.lists(samples, max_size=60))
def test_bounds_hold_for_any_stream(stream):
    bounds = Bounds(max_series=6, max_series_a_host=3, max_hosts=2)
    series = Series(bounds)
    outcomes = [series.offer(s, NOW) for s in stream]
    shown = series.current(NOW)
    assert len(outcomes) == len(stream)
    assert len(shown) <= bounds.max_series
    assert all(sum(s.labels.host == h for s in shown) <= bounds.max_series_a_host for h in "abcd")
    assert len(series.hosts(NOW)) <= bounds.max_hosts
    exposed = [s for s, outcome in zip(stream, outcomes, strict=True) if outcome is Outcome.EXPOSED]
    newest = {s.labels: max(x.measured_at for x in exposed if x.labels == s.labels) for s in exposed}
    assert {s.labels: s.measured_at for s in shown} == newest


@given(st.text(max_size=300))
def test_labels_are_short_and_printable(text):
    assert len(label(text)) <= 100
    assert label(text).isprintable()
