"""Migrations on a real PostgreSQL: forward, back and forward again, with rows in the tables."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from alpr_storage_consumer.migrate import Patience, engine_of, go_back, migrate, names
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration

OLD_COLUMNS = {
    "event_id": "uuid", "captured_at": "timestamp with time zone", "camera_id": "character varying",
    "track_id": "character varying", "plate_text": "character varying", "plate_normalized_text": "character varying",
    "plate_confidence": "double precision", "plate_region": "character varying", "vehicle_type": "character varying",
    "vehicle_make": "character varying", "vehicle_model": "character varying", "vehicle_color": "character varying",
    "plate_image_url": "text", "vehicle_image_url": "text", "frame_image_url": "text", "latency_ms": "integer",
    "quality_score": "double precision", "frame_number": "integer", "site_id": "character varying",
    "host_id": "character varying", "roi": "character varying", "direction": "character varying",
    "created_at": "timestamp with time zone",
}  # fmt: skip


def columns_of(connection, table):
    rows = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s", (table,)
    )
    return dict(rows.fetchall())


def relations_of(connection):
    rows = connection.execute(
        "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'"
    )
    return {row for row in rows if row[0] not in {"migrations", "database_engine"}}


def test_the_old_columns_stay_readable(database):
    with psycopg.connect(database) as connection:
        found = columns_of(connection, "plate_events")
    assert {name: found.get(name) for name in OLD_COLUMNS} == OLD_COLUMNS


def test_every_step_can_be_undone_and_done_again(database):
    assert migrate(database) == []
    for to in [*reversed(names()[:-1]), None]:
        assert len(go_back(database, to)) == 1
    with psycopg.connect(database) as connection:
        left = {name for name, _ in relations_of(connection)}
    assert not left
    assert migrate(database) == names()


def test_figures_of_before_the_months_are_kept_both_ways(database):
    go_back(database, "0004_delivery")
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO metric_events SELECT gen_random_uuid(), now(), 'h', NULL, 'FPS', 'fps', n, 'fps', '{}'"
            " FROM generate_series(1, 3) AS n"
        )
    migrate(database)
    for step in (lambda: None, lambda: go_back(database, "0004_delivery"), lambda: migrate(database)):
        step()
        with psycopg.connect(database) as connection:
            assert connection.execute("SELECT sum(value) FROM metric_events").fetchone() == (6,)


def test_a_database_of_before_the_note_is_plain(database):
    with psycopg.connect(database) as connection:
        assert engine_of(connection) == "postgres"
        connection.execute("DROP TABLE database_engine")
        connection.commit()
        assert migrate(database, engine="timescale") == []
        assert engine_of(connection) == "postgres"


def test_hours_and_days_add_up(database):
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO plate_events (event_id, captured_at, camera_id, track_id, plate_text, plate_normalized_text,"
            " plate_confidence, plate_folded, site_id, latency_ms) SELECT gen_random_uuid(),"
            " '2026-03-01T00:30:00Z'::timestamptz + n * interval '20 minutes', 'c' || n % 2, 't', 'A', 'A', 0.5, 'A', 's', n"
            " FROM generate_series(0, 99) AS n"
        )
        hours = connection.execute(
            "SELECT sum(readings), sum(confidence_sum), max(latency_ms_max), count(*) FROM plate_events_hourly"
        ).fetchone()
        days = connection.execute(
            "SELECT bucket::text, camera_id, readings FROM plate_events_daily ORDER BY 1, 2"
        ).fetchall()
    assert hours == (100, 50.0, 99, 68)
    assert sum(readings for _, _, readings in days) == 100
    assert [camera for _, camera, _ in days] == ["c0", "c1", "c0", "c1"]


INSERT = (
    "INSERT INTO plate_events (event_id, captured_at, camera_id, track_id, plate_text, plate_normalized_text,"
    " plate_confidence, plate_folded, site_id, latency_ms) VALUES (gen_random_uuid(), '2026-03-01T00:30:00Z', 'c', 't', 'A',"
    " 'A', 0.5, 'A', 's', 1)"
)


def steps(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name.removeprefix('s')}.sql").write_text(text)
    return folder


def test_a_step_that_waits_for_a_reader_keeps_no_writer_waiting(database, tmp_path):
    folder = steps(tmp_path, s0017_note="ALTER TABLE plate_events ADD COLUMN note text;")
    with psycopg.connect(database) as reader, ThreadPoolExecutor(1) as beside:
        reader.execute("SELECT count(*) FROM plate_events")  # holds its lock until it ends, as a long export does
        step = beside.submit(migrate, database, folder=folder, patience=Patience(lock_s=0.2, give_up_s=60))
        with psycopg.connect(database, autocommit=True) as writer:
            writer.execute("SET statement_timeout = '20s'")
            for _ in range(20):
                writer.execute(INSERT)
            waited = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%'"
            until(lambda: writer.execute(waited).fetchone() is not None, 20, "the step stands in line")
            writer.execute(INSERT)
        assert not step.done()
        reader.rollback()
        assert step.result(60) == ["0017_note"]


def test_a_step_that_gets_no_lock_in_time_leaves_nothing_of_itself(database, tmp_path):
    folder = steps(tmp_path, s0017_note="CREATE TABLE noted (n int); ALTER TABLE plate_events ADD COLUMN note text;")
    with psycopg.connect(database) as reader:
        reader.execute("SELECT count(*) FROM plate_events")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrate(database, folder=folder, patience=Patience(lock_s=0.1, give_up_s=0.3))
        assert reader.execute("SELECT to_regclass('noted')").fetchone() == (None,)
    assert migrate(database, folder=folder) == ["0017_note"]


def test_an_online_step_builds_an_index_beside_open_writes_and_can_be_taken_up_again(database, tmp_path):
    text = (
        "-- online\n-- What was left half built goes first.\n"
        "DROP INDEX CONCURRENTLY IF EXISTS seen;\nCREATE INDEX CONCURRENTLY seen\n    ON agent_ledger (agent_id);\n"
    )
    folder = steps(tmp_path, s0017_seen=text)
    with psycopg.connect(database, autocommit=True) as before:
        before.execute("CREATE INDEX seen ON agent_ledger (agent_id)")
    assert migrate(database, folder=folder) == ["0017_seen"]
    with psycopg.connect(database) as connection:
        valid = connection.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'seen'::regclass").fetchone()
    assert valid == (True,)


def test_two_that_migrate_at_once_apply_each_step_once(database, tmp_path):
    folder = steps(tmp_path, s0017_a="CREATE TABLE a (n int);", s0018_b="CREATE TABLE b (n int);")
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda _: migrate(database, folder=folder), range(2)))
    assert sorted(found) == [[], ["0017_a", "0018_b"]]


def test_one_that_waits_its_turn_keeps_no_index_from_being_built(database, tmp_path):
    slow = "-- online\nSELECT pg_sleep(1);\nCREATE INDEX CONCURRENTLY seen ON agent_ledger (agent_id);\n"
    folder = steps(tmp_path, s0017_seen=slow)
    with ThreadPoolExecutor(2) as both:
        found = list(both.map(lambda _: migrate(database, folder=folder), range(2)))
    assert sorted(found) == [[], ["0017_seen"]]


def test_a_step_that_is_ended_as_a_deadlock_is_tried_again(database, tmp_path):
    text = "LOCK TABLE agent_ledger; SELECT pg_sleep(2); ALTER TABLE plate_events ADD COLUMN note text;"
    folder = steps(tmp_path, s0017_note=text)
    with psycopg.connect(database) as writer, ThreadPoolExecutor(1) as beside:
        writer.execute(INSERT)
        step = beside.submit(migrate, database, folder=folder, patience=Patience(lock_s=10, give_up_s=60))
        held = "SELECT 1 FROM pg_locks WHERE relation = 'agent_ledger'::regclass AND mode = 'AccessExclusiveLock' AND granted"
        until(lambda: writer.execute(held).fetchone() is not None, 20, "the step has its first lock")
        # It stands in line behind the step, which then wants what this one has.
        writer.execute("SELECT count(*) FROM agent_ledger")
        writer.commit()
        assert step.result(60) == ["0017_note"]
