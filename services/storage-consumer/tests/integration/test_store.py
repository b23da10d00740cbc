"""The store on a real PostgreSQL: everything once, poison aside, outages told from bad data."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from alpr_kafka.records import Record
from alpr_schemas import codec, topics
from alpr_schemas.events import (
    Candidate,
    Extras,
    Images,
    MetricEvent,
    MetricType,
    Node,
    Plate,
    PlateEvent,
    Rectangle,
    TrackingInfo,
    VehicleEvent,
    VehicleInfo,
)
from alpr_schemas.identity import event_id, iso
from alpr_storage_consumer.errors import Misdeployed, Unavailable
from alpr_storage_consumer.handler import DirectHandler
from alpr_storage_consumer.rows import PLATE_COLUMNS
from alpr_storage_consumer.store import Written

pytestmark = pytest.mark.integration
START = datetime(2026, 1, 1, tzinfo=UTC)


def plate(n, at=None, **more):
    at = at or START + timedelta(seconds=n)
    given = {
        "event_id": str(event_id(at, "s", "c", "e", f"t-{n}")), "captured_at": iso(at), "camera_id": "gate",
        "track_id": f"t-{n}", "plate": Plate(text="AB 12", normalized_text="AB12", confidence=0.9),
        "images": Images(plate_url="s/plate.jpg"), "node": Node(site="north", host="n1"),
        "extras": Extras(quality_score=0.5, frame_number=7), "candidates": (Candidate(text="AB12", confidence=0.9),),
        "box": Rectangle(x1=1, y1=2, x2=3, y2=4), "seq": n, "boot_id": "b", "agent_id": "a", "reads": 3,
    }  # fmt: skip
    return PlateEvent.model_validate({**given, **more})


@pytest.fixture
def store(database):
    opened = DirectHandler(database)
    yield opened
    opened.close()


def record(event):
    return Record(codec.topic_of(event), codec.encode(event))


def count(dsn, table="plate_events"):
    with psycopg.connect(dsn) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_every_column_of_an_event_is_kept(database, store):
    store.store([record(plate(1))])
    with psycopg.connect(database) as connection:
        row = connection.execute(f"SELECT {', '.join(PLATE_COLUMNS)} FROM plate_events").fetchone()
    kept = dict(zip(PLATE_COLUMNS, row, strict=True))
    assert kept["captured_at"] == START + timedelta(seconds=1)
    assert (kept["plate_normalized_text"], kept["site_id"], kept["box"], kept["seq"]) == (
        "AB12",
        "north",
        [1, 2, 3, 4],
        1,
    )
    assert kept["candidates"][0]["text"] == "AB12"
    assert kept["quality_score"] == 0.5


def test_row_21_a_replay_changes_nothing(database, store):
    batch = [record(plate(n)) for n in range(100)]
    assert store.store(batch) == Written(100, 0, 0)
    assert store.store(batch) == Written(0, 100, 0)
    store.close()
    assert store.store([*batch, record(plate(100))]) == Written(1, 100, 0)
    assert count(database) == 101


def test_vehicles_and_figures_have_their_tables(database, store):
    now = iso(START)
    vehicle = VehicleEvent(
        event_id=str(UUID(int=1)), captured_at=now, camera_id="c", track_id="t",
        vehicle=VehicleInfo(bbox=Rectangle(x1=0, y1=0, x2=1, y2=1), confidence=1),
        tracking=TrackingInfo(first_seen_at=now, last_seen_at=now, direction="away"),
    )  # fmt: skip
    metric = MetricEvent(
        metric_id=str(UUID(int=2)), timestamp=now, host_id="h", metric_type=MetricType.CUSTOM, metric_name="lost",
        value=2, unit="events", tags={"reason": "full"},
    )  # fmt: skip
    assert store.store([record(vehicle), record(metric), record(plate(1))]).stored == 3
    assert count(database, "vehicle_events") == count(database, "metric_events") == 1


def test_row_09_poison_is_set_aside_with_its_bytes_and_the_rest_is_stored(database, store):
    batch = [record(plate(n)) for n in range(300)]
    batch[50] = Record(topics.PLATES, b"\xff\x00 no event")
    batch[120] = record(plate(120, plate=Plate(text="A\0B", normalized_text="AB", confidence=0.5)))
    batch[200] = record(plate(200, node=Node(site="s" * 64)))
    batch[201] = Record("unknown.topic", b"x")
    assert store.store(batch) == Written(296, 0, 4)
    with psycopg.connect(database) as connection:
        dead = connection.execute("SELECT payload FROM dead_letters").fetchall()
    assert {bytes(row[0]) for row in dead} == {batch[n].value for n in (50, 120, 200, 201)}


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("field", ["captured_at", "first_seen_at", "last_seen_at"])
def test_row_18_a_time_outside_of_all_calendars_is_set_aside_and_stops_nothing(store, field, text):
    beyond = plate(1, **{field: text})
    assert store.store([record(plate(2)), record(beyond), record(plate(3))]) == Written(2, 0, 1)


@pytest.mark.parametrize("year", [2000, 2007, 2025])
def test_any_time_finds_a_partition(store, year):
    at = datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert store.store([record(plate(1, at))]).stored == 1
    assert store.store([record(plate(1, at))]).duplicates == 1


def test_row_15_a_month_lies_in_its_own_partition(database, store):
    store.store([record(plate(1)), record(plate(2, START + timedelta(days=40)))])
    with psycopg.connect(database) as connection:
        tables = connection.execute("SELECT DISTINCT tableoid::regclass::text FROM plate_events").fetchall()
    assert {row[0] for row in tables} == {"plate_events_2026_01", "plate_events_2026_02"}


def test_feed_ids_rise_in_the_order_of_commits_with_many_writers(database):
    def work(first):
        store = DirectHandler(database)
        for n in range(first, first + 20):
            store.store([record(plate(n)), record(plate(n + 1000))])
        store.close()

    threads = [threading.Thread(target=work, args=(i * 20,)) for i in range(4)]
    seen, last = [], 0
    with psycopg.connect(database, autocommit=True) as connection:
        for thread in threads:
            thread.start()
        while any(t.is_alive() for t in threads) or len(seen) < 160:
            rows = connection.execute(
                "SELECT feed_id FROM plate_events WHERE feed_id > %s ORDER BY feed_id", (last,)
            ).fetchall()
            seen += [row[0] for row in rows]
            last = seen[-1] if seen else 0
    assert len(seen) == len(set(seen)) == count(database) == 160


def test_row_11_an_outage_is_no_poison_and_passes(database, store):
    store.store([record(plate(1))])
    name = database.rsplit("dbname=", 1)[1]
    with psycopg.connect(database.replace(name, "alpr"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        with pytest.raises(Unavailable):
            store.store([record(plate(2))])
        with pytest.raises(Unavailable):
            store.store([record(plate(2))])
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert store.store([record(plate(2))]).stored == 1
    assert count(database, "dead_letters") == 0


@pytest.mark.parametrize("year", [1970, 1999, 2099])
def test_row_18_absurd_times_are_set_aside_and_their_neighbours_stored(database, store, year):
    absurd = plate(2, datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert store.store([record(plate(1)), record(absurd), record(plate(3))]) == Written(2, 0, 1)
    assert count(database, "dead_letters") == 1


def test_a_missing_migration_is_a_deploy_fault(database, store):
    store.store([record(plate(1))])
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE plate_events DROP COLUMN roi")
    with pytest.raises(Misdeployed, match="migrate"):
        store.store([record(plate(2))])
    assert count(database, "dead_letters") == 0
