"""Retention on plain PostgreSQL: months by dropping, the rest by rows, and the mark that tells of it."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alpr_storage_consumer.errors import CannotRetain
from alpr_storage_consumer.retention import retain
from alpr_testing.readings import reading, store_all

pytestmark = pytest.mark.integration
NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)


def stored(dsn):
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT captured_at FROM plate_events ORDER BY 1").fetchall()
        parts = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'plate_events'::regclass"
        )
        return [row[0] for row in rows], {row[0] for row in parts}


@pytest.fixture
def half_a_year(database):
    moments = [datetime(2026, month, day, tzinfo=UTC) for month in range(1, 7) for day in (1, 10, 20)]
    store_all(database, [reading(n, at=at) for n, at in enumerate(moments, 1)])
    return moments


def test_whole_months_are_dropped_and_the_rest_is_deleted(database, half_a_year):
    cutoff = NOW - timedelta(days=60)
    assert retain(database, {"plate_events": timedelta(days=60)}, NOW) == {
        "plate_events": ["plate_events_2026_01", "plate_events_2026_02", "plate_events_2026_03"]
    }
    kept, parts = stored(database)
    assert kept == [at for at in half_a_year if at >= cutoff]
    assert parts == {"plate_events_other", "plate_events_2026_04", "plate_events_2026_05", "plate_events_2026_06"}
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT * FROM retention_marks").fetchall() == [("plate_events", cutoff)]


def test_a_second_time_nothing_is_left_to_do(database, half_a_year):
    ages = {"plate_events": timedelta(days=60)}
    retain(database, ages, NOW)
    before = stored(database)
    assert retain(database, ages, NOW) == {"plate_events": []}
    assert stored(database) == before


def test_a_reader_that_holds_a_month_postpones_it(database, half_a_year):
    with psycopg.connect(database) as reader:
        reader.execute("SELECT count(*) FROM plate_events").fetchone()
        with pytest.raises(CannotRetain, match="55P03"):
            retain(database, {"plate_events": timedelta(days=60)}, NOW)
    assert retain(database, {"plate_events": timedelta(days=60)}, NOW)["plate_events"]


def test_months_come_again_after_they_were_dropped(database, half_a_year):
    retain(database, {"plate_events": timedelta(days=60)}, NOW)
    store_all(database, [reading(99, at=datetime(2026, 1, 5, tzinfo=UTC))])
    assert "plate_events_2026_01" in stored(database)[1]
