"""Rows leave on acknowledgement only, whatever happens on the other side."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpr_edge_agent.agent.bandwidth import Bandwidth
from alpr_edge_agent.agent.delivery import deliver_batch, deliver_events, deliver_image_batch, deliver_images
from alpr_edge_agent.agent.tombstones import tell_tombstones
from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.outbox import Outbox, SpooledImage
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_schemas import codec, topics
from alpr_schemas.events import Plate, PlateEvent
from alpr_schemas.identity import event_id, iso
from alpr_testing.waiting import until

START = datetime(2026, 1, 1, tzinfo=UTC)


def plate(n):
    at = START + timedelta(seconds=n)
    return PlateEvent(
        event_id=str(event_id(at, "s", "c", "e", f"t-{n}")), captured_at=iso(at), camera_id="c", track_id=f"t-{n}",
        plate=Plate(text="AB12CDE", normalized_text="AB12CDE", confidence=0.9),
    )  # fmt: skip


class Database:
    """Keeps what it is given, unless `fails` says otherwise; what it took before failing stays taken."""

    def __init__(self, fails=()):
        self.kept = {}
        self.calls = 0
        self._fails = set(fails)

    def publish(self, rows):
        self.calls += 1
        for row in rows:
            event = codec.decode(row.topic, row.payload)
            identifier = event.metric_id if row.topic == topics.METRICS else event.event_id
            self.kept.setdefault(identifier, event)
        if self.calls in self._fails:
            raise DeliveryUnavailable("away")


class Disk:
    def __init__(self):
        self.kept = {}

    def put_if_absent(self, key, data):
        self.kept.setdefault(key, data)


@pytest.fixture
def box(tmp_path):
    return Outbox.open(tmp_path / "outbox.db", agent_id="n", max_bytes=10_000_000)


@pytest.fixture
def reader(box, tmp_path):
    return OutboxReader(tmp_path / "outbox.db")


def test_an_outage_leaves_the_rows(box, reader):
    box.put([plate(1)])
    database = Database(fails={1})
    with pytest.raises(DeliveryUnavailable):
        deliver_batch(reader, database)
    assert reader.backlog().events == 1
    assert deliver_batch(reader, database) == 1
    assert reader.backlog().events == 0


@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(1, 6)), st.integers(1, 40))
def test_everything_arrives_once_through_outages(tmp_path_factory, fails, many):
    path = tmp_path_factory.mktemp("box") / "outbox.db"
    box = Outbox.open(path, agent_id="n", max_bytes=10_000_000)
    box.put([plate(n) for n in range(many)])
    database, reader = Database(fails), OutboxReader(path)
    for _ in range(len(fails) + 1):
        try:
            deliver_batch(reader, database)
        except DeliveryUnavailable:
            continue
    assert set(database.kept) == {plate(n).event_id for n in range(many)}
    box.close()
    reader.close()


def test_the_loop_delivers_what_comes_later_and_ends_when_asked(box, tmp_path):
    database, stop = Database(fails={1}), threading.Event()
    work = threading.Thread(
        target=lambda: deliver_events(OutboxReader(tmp_path / "outbox.db"), database, stop, site="s", host="h")
    )
    work.start()
    box.put([plate(1)])
    box.put([plate(2)])
    deadline = threading.Event()
    for _ in range(200):
        if len(database.kept) == 2:
            break
        deadline.wait(0.05)
    stop.set()
    work.join(5)
    assert not work.is_alive()
    assert set(database.kept) == {plate(1).event_id, plate(2).event_id}


def image(folder, n, data=b"jpeg", kind="plate"):
    path = folder / f"{n}.jpg"
    path.write_bytes(data)
    return SpooledImage(f"s/{n}.jpg", plate(n).event_id, kind, path, hashlib.sha256(b"jpeg").hexdigest(), len(data))


def test_pictures_are_uploaded_then_leave_the_spool(box, reader, tmp_path):
    good, damaged, gone = image(tmp_path, 1), image(tmp_path, 2, b"jp"), image(tmp_path, 3)
    box.put([plate(1), plate(2), plate(3)], [good, damaged, gone])
    gone.path.unlink()
    disk = Disk()
    assert deliver_image_batch(reader, disk) == 3
    assert disk.kept == {"s/1.jpg": b"jpeg"}
    assert not good.path.exists()
    assert reader.backlog().images == 0


def test_plates_go_before_frames_and_a_plate_that_comes_waits_for_one_frame_at_most(box, reader, tmp_path):
    frames = [image(tmp_path, n, kind="frame") for n in (1, 3, 5)]
    box.put([plate(n) for n in range(1, 7)], [*frames, image(tmp_path, 2), image(tmp_path, 4)])
    disk = Disk()
    assert deliver_image_batch(reader, disk) == 2
    assert list(disk.kept) == ["s/2.jpg", "s/4.jpg"]  # the oldest first
    assert deliver_image_batch(reader, disk) == 1
    box.put([], [image(tmp_path, 6)])
    while deliver_image_batch(reader, disk):
        pass
    assert list(disk.kept) == ["s/2.jpg", "s/4.jpg", "s/5.jpg", "s/6.jpg", "s/3.jpg", "s/1.jpg"]  # the newest first


def test_pictures_that_may_not_go_wait(box, reader, tmp_path):
    box.put([plate(n) for n in (1, 2, 3)], [image(tmp_path, n) for n in (1, 2, 3)])
    disk, asked = Disk(), []
    deliver_image_batch(reader, disk, lambda size: asked.append(size) or len(asked) < 2)
    assert list(disk.kept) == ["s/1.jpg"]
    assert asked == [4, 4]
    assert reader.backlog().images == 2


def test_a_cap_on_the_uplink_ends_no_wait_too_late(box, tmp_path):
    box.put([plate(n) for n in (1, 2)], [image(tmp_path, n) for n in (1, 2)])
    disk, stop, path = Disk(), threading.Event(), tmp_path / "outbox.db"
    slow = Bandwidth(1)  # the second picture may go in three seconds
    work = threading.Thread(target=lambda: deliver_images(OutboxReader(path), disk, stop, slow))
    work.start()
    until(lambda: len(disk.kept) == 1, 10, "the first picture has gone")
    stop.set()
    work.join(2)
    assert not work.is_alive()
    assert list(disk.kept) == ["s/1.jpg"]


def test_losses_are_told_once(tmp_path):
    box = Outbox.open(tmp_path / "outbox.db", agent_id="n", max_bytes=700)
    for n in range(12):
        box.put([plate(n)])
    reader, database = OutboxReader(tmp_path / "outbox.db"), Database()
    assert tell_tombstones(reader, database, "s", "h") == 1
    assert tell_tombstones(reader, database, "s", "h") == 0
    (metric,) = database.kept.values()
    lost = int(metric.tags["last_seq"]) - int(metric.tags["first_seq"]) + 1
    assert metric.value == lost
    assert lost + reader.backlog().events == 12
