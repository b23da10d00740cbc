from datetime import UTC, datetime, timedelta

import pytest

from alpr_query_api.asking import _mended, aware, interval_of, period
from alpr_query_api.errors import Refused


@pytest.mark.parametrize(
    ("text", "duration"),
    [("30s", timedelta(seconds=30)), ("15m", timedelta(minutes=15)), ("1h", timedelta(hours=1)),
     ("7d", timedelta(days=7)), ("2w", timedelta(weeks=2))],
)  # fmt: skip
def test_intervals(text, duration):
    assert interval_of(text) == duration


@pytest.mark.parametrize("text", ["", "h", "0h", "-1h", "1y", "1.5h", "999999h", "1h "])
def test_an_interval_that_is_none_is_refused(text):
    with pytest.raises(Refused) as refused:
        interval_of(text)
    assert refused.value.field == "interval"


def test_a_plus_that_became_a_space_is_mended():
    assert _mended("2026-01-01T00:00:00 02:00") == "2026-01-01T00:00:00+02:00"
    assert _mended("2026-01-01 12:00") == "2026-01-01 12:00"
    assert _mended("2026-01-01T00:00:00Z") == "2026-01-01T00:00:00Z"


def test_a_time_without_an_offset_is_utc():
    assert aware(datetime(2026, 1, 1)) == datetime(2026, 1, 1, tzinfo=UTC)
    assert aware(None) is None


def test_a_period_that_ends_before_it_starts_is_refused():
    with pytest.raises(Refused, match="swap"):
        period(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1))
