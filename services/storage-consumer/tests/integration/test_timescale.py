"""Our SQL for TimescaleDB on the real extension: migrations both ways, aggregates, columns, retention."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alpr_storage_consumer.migrate import engine_of, go_back, migrate, names
from alpr_storage_consumer.proof import as_document, read_proof
from alpr_storage_consumer.retention import retain

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
INSERT = (
    "INSERT INTO plate_events (event_id, captured_at, camera_id, track_id, plate_text, plate_normalized_text,"
    " plate_confidence, plate_folded, site_id, latency_ms, seq) SELECT ('00000000-0000-7000-8000-' ||"
    " lpad(n::text, 12, '0'))::uuid, %s::timestamptz - n * interval '6 hours', 'c' || n %% 2, 't', 'A', 'A', 0.5, 'A',"
    " 's', n, n FROM generate_series(0, 399) AS n ON CONFLICT DO NOTHING"
)


@pytest.fixture(scope="module")
def migrated(timescale):
    """The database after up, down and up again."""
    assert migrate(timescale) == names()
    assert go_back(timescale) == list(reversed(names()))
    assert migrate(timescale) == names()
    return timescale


@pytest.fixture
def connection(migrated):
    with psycopg.connect(migrated, autocommit=True) as opened:
        yield opened


@pytest.fixture
def events(connection):
    connection.execute(INSERT, (NOW,))
    return 400


def one(connection, query, *values):
    return connection.execute(query, values).fetchone()[0]


def test_the_engine_is_found_and_noted(connection):
    assert engine_of(connection) == "timescale"
    tables = connection.execute("SELECT hypertable_name FROM timescaledb_information.hypertables").fetchall()
    assert {"plate_events", "vehicle_events", "metric_events"} <= {row[0] for row in tables}


def test_events_are_unique_and_lie_in_chunks_of_a_day(connection, events):
    assert connection.execute(INSERT, (NOW,)).rowcount == 0
    assert one(connection, "SELECT count(*) FROM plate_events") == events
    chunks = one(
        connection, "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'plate_events'"
    )
    assert 100 <= chunks <= 101


def test_hours_and_days_are_those_of_plain_postgres(connection, events):
    for view in ("plate_events_hourly", "plate_events_daily"):
        connection.execute(f"CALL refresh_continuous_aggregate('{view}', NULL, NULL)")
    hourly = connection.execute(
        "SELECT bucket, site_id, camera_id, readings, confidence_sum, latency_ms_sum, latency_ms_max FROM plate_events_hourly"
        " ORDER BY 1, 3"
    ).fetchall()
    plain = connection.execute(
        "SELECT date_trunc('hour', captured_at, 'UTC'), site_id, camera_id, count(*), sum(plate_confidence),"
        " sum(latency_ms), max(latency_ms) FROM plate_events GROUP BY 1, 2, 3 ORDER BY 1, 3"
    ).fetchall()
    assert hourly == plain
    assert one(connection, "SELECT sum(readings) FROM plate_events_daily") == events


def test_what_is_not_materialised_yet_is_counted(connection, events):
    connection.execute("CALL refresh_continuous_aggregate('plate_events_hourly', NULL, NULL)")
    connection.execute(
        "INSERT INTO plate_events (event_id, captured_at, camera_id, track_id, plate_text, plate_normalized_text,"
        " plate_confidence, plate_folded, site_id) VALUES (gen_random_uuid(), now() + interval '3 hours', 'c9', 't', 'A', 'A', 0.5, 'A', 's')"
    )
    assert one(connection, "SELECT sum(readings) FROM plate_events_hourly WHERE camera_id = 'c9'") == 1
    connection.execute("DELETE FROM plate_events WHERE camera_id = 'c9'")


def test_a_replay_into_the_columnstore_adds_nothing(connection, events):
    chunks = connection.execute(
        "SELECT show_chunks('plate_events', older_than => now() - interval '30 days')"
    ).fetchall()
    for (chunk,) in chunks[:3]:
        connection.execute(f"CALL convert_to_columnstore('{chunk}')")
    assert connection.execute(INSERT, (NOW,)).rowcount == 0
    assert one(connection, "SELECT count(*) FROM plate_events") == events


def test_policies_stand(connection):
    jobs = connection.execute("SELECT proc_name, count(*) FROM timescaledb_information.jobs GROUP BY 1").fetchall()
    counted = dict(jobs)
    assert counted["policy_refresh_continuous_aggregate"] == 2
    assert counted.get("policy_compression", 0) + counted.get("policy_columnstore", 0) == 3


def test_the_ledger_stands_on_timescale_too(connection):
    connection.execute(
        "INSERT INTO agent_ledger (agent_id, boot_id, topic, seen) VALUES ('a', 'b', 't', '{[1,4),[6,8)}')"
    )
    assert as_document(read_proof(connection))["boots"][0]["missing"] == [(4, 5)]
    connection.execute("DELETE FROM agent_ledger")


def test_retention_drops_chunks_and_marks_it(migrated, connection, events):
    connection.close()  # one session at a time
    dropped = retain(migrated, {"plate_events": timedelta(days=50)}, NOW)["plate_events"]
    assert len(dropped) >= 49
    with psycopg.connect(migrated, autocommit=True) as again:
        assert one(again, "SELECT min(captured_at) FROM plate_events") >= NOW - timedelta(days=51)
        assert one(again, "SELECT dropped_before FROM retention_marks") == NOW - timedelta(days=50)
