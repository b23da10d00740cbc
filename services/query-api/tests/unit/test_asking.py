from datetime import UTC, datetime, timedelta

import pytest

from alpr_query_api.asking import aware, interval_of, period, said
from alpr_query_api.errors import Refused

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "duration"),
    [("15m", timedelta(minutes=15)), ("1h", timedelta(hours=1)), ("7d", timedelta(days=7)), ("2w", timedelta(14))],
)
def test_intervals(text, duration):
    assert interval_of(text) == duration


@pytest.mark.parametrize("text", ["", "0h", "1y", "-1h", "1.5h", "h", "999999h", "1h "])
def test_an_interval_that_is_none_names_its_field(text):
    with pytest.raises(Refused) as refused:
        interval_of(text)
    assert refused.value.field == "interval"


def test_a_time_without_offset_is_utc():
    assert aware(datetime(2026, 3, 1, 12)) == NOON
    assert aware(None) is None


def test_either_end_of_a_period_works_alone():
    assert period(end_time=NOON).end == NOON
    assert period(start_time=NOON).start == NOON


def test_a_period_that_ends_before_it_starts_is_refused():
    with pytest.raises(Refused, match="swap"):
        period(NOON, NOON - timedelta(seconds=1))


def test_filters_are_repeated_with_their_offset():
    assert said(camera=None, start_time=NOON) == {"camera": None, "start_time": "2026-03-01T12:00:00+00:00"}
