"""Names of months and generations, and which are past their keep."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alpr_search_indexer.indices import Month, Names, expired, months

NAMES = Names("alpr-events")
some_months = st.builds(Month, st.integers(2000, 2099), st.integers(1, 12))


@given(some_months, st.integers(1, 10_000))
def test_a_name_says_its_month_and_generation(month, number):
    assert NAMES.read(NAMES.generation(month, number)) == (month, number)
    assert NAMES.read(NAMES.written(month)) == (month, 0)


def test_names_of_others_say_nothing():
    for name in ("alpr-events", "alpr-events-2026.13", "alpr-events-2026.11-g0", "alpr-events-2026.11-g1-copy",
                 "other-alpr-events-2026.11", "alpr-eventsx2026.11", "alpr-vehicles-2026.11"):  # fmt: skip
        assert NAMES.read(name) is None


@given(some_months, st.floats(0, 0.999999))
def test_every_moment_lies_in_the_month_that_is_named_after_it(month, share):
    moment = month.start + (month.end - month.start) * share
    assert Month.of(moment) == month
    assert month.end == month.next().start


@given(some_months, st.integers(1, 1000))
def test_months_of_a_span_are_whole_and_in_order(first, days):
    since, until = first.start + timedelta(days=3), first.start + timedelta(days=3 + days)
    found = list(months(since, until))
    assert found[0] == first
    assert found[-1].start < until <= found[-1].end
    assert all(a.next() == b for a, b in pairwise(found))


def test_the_next_generation_is_above_all_that_stand():
    month = Month(2026, 11)
    standing = ["alpr-events-2026.11-g2", "alpr-events-2026.10-g7", "alpr-events-2026.11", "else"]
    assert NAMES.next_generation(month, standing) == 3
    assert NAMES.next_generation(month, []) == 1


def test_a_month_is_kept_until_its_last_moment_is_old_enough():
    standing = ["alpr-events-2026.08-g1", "alpr-events-2026.09-g2", "alpr-events-2026.10-g1", "else-2020.01"]
    keep = timedelta(days=60)
    assert expired(NAMES, standing, datetime(2026, 11, 29, 23, tzinfo=UTC), keep) == ["alpr-events-2026.08-g1"]
    assert expired(NAMES, standing, datetime(2026, 11, 30, tzinfo=UTC), keep) == standing[:2]
