"""Windows are by the clock on the wall."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_operator.rollout import is_open, next_opening
from alpr_schemas.resources import Window

BERLIN = "Europe/Berlin"
NIGHT = Window(days=("Sat",), start="22:00", end="04:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("window", "moment", "expected"),
    [
        (Window(start="01:00", end="03:00"), "2026-01-15T00:30:00+00:00", True),  # 01:30 in Berlin
        (Window(start="01:00", end="03:00"), "2026-01-15T02:00:00+00:00", False),  # the end is outside
        (Window(start="01:00", end="03:00"), "2026-07-15T00:30:00+00:00", True),  # 02:30, in summer
        (Window(days=("Mon",), start="00:00", end="23:59"), "2026-01-15T12:00:00+00:00", False),  # a Thursday
        (NIGHT, "2026-01-17T21:30:00+00:00", True),  # Saturday 22:30
        (NIGHT, "2026-01-18T02:30:00+00:00", True),  # Sunday 03:30 belongs to Saturday's night
        (NIGHT, "2026-01-17T02:30:00+00:00", False),  # Saturday 03:30 would be Friday's
    ],
)
def test_a_window_is_open_by_the_local_clock(window, moment, expected):
    assert is_open([window], BERLIN, at(moment)) is expected


def test_without_windows_it_is_always_open():
    assert is_open([], BERLIN, at("2026-01-15T00:30:00+00:00"))


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        (Window(start="01:00", end="03:00"), "2026-01-15T12:00:00+00:00", "2026-01-16T00:00:00+00:00"),
        (NIGHT, "2026-01-18T12:00:00+00:00", "2026-01-24T21:00:00+00:00"),
        # On 29 March 2026 the clock goes from 02:00 to 03:00.
        (Window(start="02:30", end="05:00"), "2026-03-28T12:00:00+00:00", "2026-03-29T01:00:00+00:00"),
        (Window(start="02:15", end="02:45"), "2026-03-28T12:00:00+00:00", "2026-03-30T00:15:00+00:00"),
        (Window(start="02:15", end="03:10"), "2026-03-28T12:00:00+00:00", "2026-03-29T01:00:00+00:00"),
        # On 25 October 2026 it goes from 03:00 back to 02:00: the first 02:30 counts.
        (Window(start="02:30", end="02:50"), "2026-10-24T12:00:00+00:00", "2026-10-25T00:30:00+00:00"),
        (Window(start="02:30", end="02:50"), "2026-10-25T01:00:00+00:00", "2026-10-25T01:30:00+00:00"),
    ],
)
def test_the_next_opening_knows_summer_time(window, now, opens):
    assert next_opening([window], BERLIN, at(now)) == at(opens)


def test_an_unknown_time_zone_counts_as_utc():
    window = Window(start="01:00", end="03:00")
    assert is_open([window], "Mars/Olympus_Mons", at("2026-01-15T01:30:00+00:00"))


clock = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
days = st.lists(st.sampled_from(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]), unique=True).map(tuple)
clocks = st.tuples(clock, clock).filter(lambda pair: pair[0] != pair[1])
windows = st.lists(
    st.builds(lambda days, pair: Window(days=days, start=pair[0], end=pair[1]), days, clocks), min_size=1, max_size=3
)
zones = st.sampled_from(["UTC", BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"])
moments = st.integers(0, 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(windows, zones, moments, st.floats(0, 1))
def test_the_next_opening_is_open_and_nothing_opens_before(told, zone, now, share):
    opens = next_opening(told, zone, now)
    if opens is None:  # only a change to summer time swallows a window, and only one
        assert not any(is_open(told, zone, now + timedelta(minutes=minute)) for minute in range(0, 7 * 1440, 7))
        return
    assert is_open(told, zone, opens)
    before = now + (opens - now) * share
    assert before == opens or not is_open(told, zone, before)
    assert now <= opens <= now + timedelta(days=15)
