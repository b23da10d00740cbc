"""The outbox keeps what was put, numbers it without gaps, and says what it dropped."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpr_edge_agent.errors import OutboxUnavailable
from alpr_edge_agent.outbox import Outbox, SpooledImage
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_schemas import codec, topics
from alpr_schemas.events import Plate, PlateEvent, Rectangle, TrackingInfo, VehicleEvent, VehicleInfo
from alpr_schemas.identity import event_id, iso

START = datetime(2026, 1, 1, tzinfo=UTC)
ROOMY = 10_000_000


def plate(n: int) -> PlateEvent:
    at = START + timedelta(seconds=n)
    return PlateEvent(
        event_id=str(event_id(at, "s", "c", "e", f"t-{n}")),
        captured_at=iso(at),
        camera_id="c",
        track_id=f"t-{n}",
        plate=Plate(text="AB12CDE", normalized_text="AB12CDE", confidence=0.9),
    )


def vehicle(n: int) -> VehicleEvent:
    at = START + timedelta(seconds=n)
    return VehicleEvent(
        event_id=str(event_id(at, "s", "c", "e", f"v-{n}")),
        captured_at=iso(at),
        camera_id="c",
        track_id=f"t-{n}",
        vehicle=VehicleInfo(bbox=Rectangle(x1=0, y1=0, x2=1, y2=1), confidence=1),
        tracking=TrackingInfo(first_seen_at=iso(at), last_seen_at=iso(at)),
    )


def spooled(folder: Path, n: int, kind: str = "plate", size: int = 10) -> SpooledImage:
    path = folder / f"{n}-{kind}.jpg"
    path.write_bytes(b"x" * size)
    return SpooledImage(f"s/{n}/{kind}.jpg", plate(n).event_id, kind, path, "00", size)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path):
    return Outbox.open(path, agent_id="node-1", max_bytes=ROOMY)


def sent(path: Path) -> list[PlateEvent | VehicleEvent]:
    reader = OutboxReader(path)
    events = [codec.decode(row.topic, row.payload) for row in reader.peek(10_000)]
    reader.close()
    return events


def test_what_was_put_comes_out_in_order_with_its_numbers(outbox, path):
    outbox.put([plate(1), vehicle(1)])
    outbox.put([plate(2)])
    events = sent(path)
    assert [(e.track_id, e.seq) for e in events] == [("t-1", 1), ("t-1", 1), ("t-2", 2)]
    assert {(e.agent_id, e.boot_id) for e in events} == {("node-1", outbox.boot_id)}


def test_an_event_that_waits_already_takes_no_second_number(outbox, path):
    outbox.put([plate(1)])
    outbox.put([plate(1), plate(2)])
    assert [e.seq for e in sent(path)] == [1, 2]


def test_numbers_begin_anew_with_each_boot_and_unclean_ends_are_known(path):
    first = Outbox.open(path, agent_id="n", max_bytes=ROOMY)
    assert not first.resumed
    first.put([plate(1)])
    second = Outbox.open(path, agent_id="n", max_bytes=ROOMY)  # the first was never closed
    assert second.resumed
    second.put([plate(2)])
    second.close()
    assert [(e.boot_id, e.seq) for e in sent(path)] == [(first.boot_id, 1), (second.boot_id, 1)]
    assert not Outbox.open(path, agent_id="n", max_bytes=ROOMY).resumed


def test_deleted_rows_and_pictures_are_gone_and_the_backlog_says_so(outbox, path, tmp_path):
    picture = spooled(tmp_path, 1)
    outbox.put([plate(1), plate(2)], [picture])
    reader = OutboxReader(path)
    assert (reader.backlog().events, reader.backlog().images) == (2, 1)
    reader.delete(reader.peek(1))
    reader.delete_image(reader.images(10)[0])
    assert not picture.path.exists()
    backlog = reader.backlog()
    assert (backlog.events, backlog.images) == (1, 0)
    assert backlog.size_bytes == len(reader.peek(1)[0].payload)


def test_a_reader_notices_a_commit(outbox, path):
    reader = OutboxReader(path)
    reader.changed()
    assert not reader.changed()
    outbox.put([plate(1)])
    assert reader.changed()


def test_many_threads_lose_nothing_and_leave_no_gap(outbox, path):
    def work(first: int) -> None:
        for n in range(first, first + 25):
            outbox.put([plate(n)])

    threads = [threading.Thread(target=work, args=(i * 100,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = sent(path)
    assert sorted(e.seq for e in events) == list(range(1, 201))
    assert len({e.event_id for e in events}) == 200


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3)), min_size=1, max_size=30), st.integers(400, 3000))
def test_full_means_bounded_counted_and_vehicles_go_first(tmp_path_factory, puts, max_bytes):
    path = tmp_path_factory.mktemp("box") / "outbox.db"
    box = Outbox.open(path, agent_id="n", max_bytes=max_bytes)
    numbers = iter(range(10_000))
    count = {topics.PLATES: 0, topics.VEHICLES: 0}
    for is_plate, many in puts:
        events = [plate(next(numbers)) if is_plate else vehicle(next(numbers)) for _ in range(many)]
        box.put(events)
        count[topics.PLATES if is_plate else topics.VEHICLES] += many
    reader = OutboxReader(path)
    assert reader.backlog().size_bytes <= max_bytes
    kept = {
        topic: {codec.decode(r.topic, r.payload).seq for r in reader.peek(999) if r.topic == topic} for topic in count
    }
    lost = {
        topic: {n for t in reader.tombstones() if t.topic == topic for n in range(t.first_seq, t.last_seq + 1)}
        for topic in count
    }
    for topic, total in count.items():
        assert kept[topic] | lost[topic] == set(range(1, total + 1))
        assert not kept[topic] & lost[topic]
    box.close()
    reader.close()


def test_when_room_gets_short_frames_go_before_crops(path, tmp_path):
    box = Outbox.open(path, agent_id="n", max_bytes=10_000)
    box.put([plate(1)], [spooled(tmp_path, 1, "plate", 8700)])
    crop, frame = spooled(tmp_path, 2, "plate", 300), spooled(tmp_path, 2, "frame", 300)
    box.put([plate(2)], [frame, crop])
    kinds = [(i.event_id, i.kind) for i in OutboxReader(path).images(10)]
    assert kinds == [(plate(1).event_id, "plate"), (plate(2).event_id, "plate")]
    assert not frame.path.exists()
    assert crop.path.exists()


def test_a_full_disk_is_an_error_that_stores_nothing_and_passes(outbox, path):
    outbox.put([plate(1)])
    pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
    outbox._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OutboxUnavailable, match="free some disk space"):
        outbox.put([plate(n) for n in range(2, 200)])
    outbox._db.execute("PRAGMA max_page_count = 1000000")
    outbox.put([plate(200)])
    assert [e.seq for e in sent(path)] == [1, 2]


def test_a_box_that_another_process_holds_says_so_and_takes_the_same_call_later(outbox, path):
    outbox._db.execute("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutboxUnavailable, match="another process of this node holds it"):
            outbox.put([plate(1)])
        other.execute("ROLLBACK")
    outbox.put([plate(1)])
    assert [e.seq for e in sent(path)] == [1]


def test_a_damaged_box_is_moved_aside_and_work_goes_on(path):
    path.write_bytes(b"this is no database, " * 100)
    box = Outbox.open(path, agent_id="n", max_bytes=ROOMY)
    box.put([plate(1)])
    assert len(sent(path)) == 1
    assert [p for p in path.parent.iterdir() if "damaged" in p.name]


def test_commits_are_durable_by_setting(outbox):
    assert outbox._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert outbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxUnavailable, match="writable"):
        Outbox.open(tmp_path / "file" / "outbox.db", agent_id="n", max_bytes=1)
