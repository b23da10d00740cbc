"""Bad data is borne; what is our own fault stops the consumer."""

from hypothesis import given
from hypothesis import strategies as st

from alpr_kafka.flood import FloodGauge
from alpr_kafka.records import Place

FIRST, SECOND = Place("t", 0), Place("t", 1)


def test_a_share_is_judged_from_two_hundred_records_on():
    gauge = FloodGauge(0.05, 1000)
    assert gauge.flooded([(FIRST, n < 50) for n in range(199)]) is None
    assert gauge.flooded([(FIRST, False)]) == "50 of the last 200 records were refused"


def test_old_records_are_forgotten():
    gauge = FloodGauge(0.05, 100_000)
    assert gauge.flooded([(FIRST, False)] * 10_000) is None
    assert gauge.flooded([(FIRST, True)] * 400) is None
    for _ in range(12):
        assert gauge.flooded([(FIRST, False)] * 1000) is None
    assert gauge.flooded([(FIRST, True)] * 400) is None
    assert gauge.flooded([(FIRST, True)] * 400) is not None


def test_a_row_is_counted_by_partition_and_over_batches():
    gauge = FloodGauge(1, 100)
    assert gauge.flooded([(FIRST, True)] * 60 + [(SECOND, True)] * 60) is None
    assert gauge.flooded([(SECOND, False)] + [(SECOND, True)] * 60) is None
    assert gauge.flooded([(FIRST, True)] * 41) == "101 records in a row of t/0 were refused"


def test_good_batches_between_bad_records_count_too():
    gauge = FloodGauge(0.05, 100)
    for _ in range(300):
        assert gauge.flooded([(FIRST, True)]) is None
        gauge.passed([FIRST], 30)


@given(st.lists(st.lists(st.tuples(st.sampled_from([FIRST, SECOND, None]), st.booleans()), max_size=80), max_size=20))
def test_a_gauge_without_limits_never_stops_anything(batches):
    gauge = FloodGauge(1, 10**9)
    assert [gauge.flooded(batch) for batch in batches] == [None] * len(batches)
