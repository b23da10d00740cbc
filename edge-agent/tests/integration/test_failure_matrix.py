"""The agent's half of the failure matrix, by its rows: what was committed and what lies in Kafka are the same events."""

import hashlib
import resource
import shutil
import signal
import sqlite3
import threading
import time
from uuid import UUID

import pytest

from alpr_edge_agent.agent.delivery import deliver_batch
from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.outbox import SpooledImage
from alpr_edge_agent.outbox.schema import connect
from alpr_edge_agent.publish.kafka import KafkaPublisher
from alpr_kafka.producer import Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_schemas.topics import PLATES, VEHICLES
from alpr_testing.event_load import Street, put_witness
from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
KILLED = -signal.SIGKILL


def test_row_01_killed_before_the_commit_the_event_never_was_and_comes_again_with_its_id(node):
    assert node.load("before_outbox_commit:20").wait(60) == KILLED
    committed = node.committed()
    assert committed
    with node.reader() as reader:
        assert reader.backlog().events == len(committed)
    box = node.box()
    assert box.resumed
    again = Street(node.agent, "epoch", 1).reading()
    box.put([again])
    box.put([again])  # the track is seen again after the restart: the same id, one row
    box.close()
    node.deliver()
    assert set(node.ids()) == {*committed, again.event_id}
    assert len(node.ids()) == len(committed) + 1


def test_row_02_after_the_commit_a_loss_of_power_loses_nothing(node, tmp_path):
    assert node.load("after_outbox_commit:20").wait(60) == KILLED
    at_power_cut = tmp_path / "disk"
    at_power_cut.mkdir()
    for name in ("outbox.db", "outbox.db-wal"):  # what lay on the disk; the index in shared memory is gone
        shutil.copy(tmp_path / name, at_power_cut / name)
    committed = node.committed()
    node.path = at_power_cut / "outbox.db"
    assert node.committed() == committed
    node.deliver()
    assert set(node.ids()) == set(committed)


def test_row_02_a_log_that_was_cut_anywhere_holds_whole_commits_only(node, tmp_path):
    put_witness(node.path)
    box = node.box()
    box._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    box._db.execute("PRAGMA wal_autocheckpoint = 0")  # a log is cut behind what was moved into the file, never before
    ids = node.fill(box, 20)
    log = (tmp_path / "outbox.db-wal").read_bytes()
    for share in range(0, 101, 5):
        cut = tmp_path / f"cut-{share}"
        cut.mkdir()
        shutil.copy(node.path, cut / "outbox.db")
        (cut / "outbox.db-wal").write_bytes(log[: len(log) * share // 100])
        found = _rows_and_witness(cut / "outbox.db")
        assert found[0] == found[1] == ids[: len(found[0])]
    assert found[0] == ids


def _rows_and_witness(path):
    """The ids of the rows, and those that their transactions noted."""
    box = sqlite3.connect(path)
    try:
        return tuple(
            [str(UUID(bytes=row[0])) for row in box.execute(f"SELECT event_id FROM {table} ORDER BY rowid")]
            for table in ("outbox", "witness")
        )
    finally:
        box.close()


@pytest.mark.parametrize("failpoint", ["before_ack", "after_produce", "before_delete"])
def test_row_03_killed_between_sending_and_deleting_it_sends_again(node, failpoint):
    put_witness(node.path)
    box = node.box()
    node.fill(box, 40)
    assert node.send(failpoint).wait(60) == KILLED
    assert node.waiting() == len(node.committed())
    sender = node.send()
    node.drained()
    sender.terminate()
    assert sender.wait(10) == 0
    found = node.ids()
    assert set(found) == set(node.committed())
    assert len(found) <= 2 * len(set(found))


def test_row_04_a_lost_acknowledgement_doubles_nothing_within_a_process(node, broker):
    with broker.proxied() as (line, address), node.reader() as reader:
        with node.publisher(KafkaSettings(bootstrap_servers=address)) as publisher:
            put = node.fill(node.box(), 5)
            deliver_batch(reader, publisher)
            taken = len(put)
            put += node.fill(node.box(), 20)
            line.set("mute")
            work = threading.Thread(target=deliver_batch, args=(reader, publisher))
            work.start()
            until(lambda: len(node.arrived()) > taken, 30, "the brokers have some, unacknowledged")
            assert node.waiting() == len(put) - taken
            line.set("pass")
            work.join(60)
        assert not work.is_alive()
    assert node.waiting() == 0
    assert node.ids() == sorted(put)  # the producer's numbers let the broker know them again


def test_row_04_after_a_restart_a_lost_acknowledgement_doubles_records_but_no_id(node, broker):
    put = node.fill(node.box(), 20)
    with broker.proxied() as (line, address):
        sender = node.send(address=address)
        node.drained()
        line.set("mute")
        before = len(put)
        put += node.fill(node.box(), 20)
        until(lambda: len(node.arrived()) > before, 30, "the brokers have some, unacknowledged")
        sender.kill()
        sender.wait(10)
        line.set("pass")
    assert node.waiting() > 0
    node.deliver()
    assert set(node.ids()) == set(put)
    assert len(node.ids()) > len(set(put))


@pytest.mark.long
def test_row_05_while_brokers_are_down_the_box_grows_to_its_bound_and_then_drains(node, broker):
    bound = 60_000
    box = node.box(max_bytes=bound)
    with node.publisher(give_up_after_s=5) as publisher:
        publisher.warm_up()
        with node.delivering(publisher):
            node.fill(box, 5)
            node.drained()
            broker.kill()
            try:
                longest = _longest_put(node, box, 150)
                with node.reader() as reader:
                    assert reader.backlog().size_bytes <= bound
                    dropped = reader.backlog().dropped
            finally:
                broker.start()
            node.drained(120)
    assert dropped > 0
    assert longest < 2.0  # nobody who puts waits for brokers
    _all_or_told(node)


def _longest_put(node, box, vehicles):
    street, longest = Street(node.agent, box.boot_id, 11), 0.0
    for _ in range(vehicles):
        events = street.pass_by()
        began = time.monotonic()
        box.put(events)
        longest = max(longest, time.monotonic() - began)
    return longest


def _all_or_told(node):
    """Each number from 1 to the last either lies in Kafka or under a tombstone there, never both."""
    for topic in (PLATES, VEHICLES):
        came = [one.seq for one in node.arrived((topic,))]
        lost = [
            number
            for tags in node.told_lost()
            if tags["topic"] == topic
            for number in range(int(tags["first_seq"]), int(tags["last_seq"]) + 1)
        ]
        assert not set(came) & set(lost)
        last = _last_number(node, topic)
        assert set(came) | set(lost) == set(range(1, last + 1))


def _last_number(node, topic):
    box = connect(node.path)
    try:
        return box.execute("SELECT max(last) FROM sequences WHERE topic = ?", (topic,)).fetchone()[0]
    finally:
        box.close()


@pytest.mark.long
def test_row_06_a_broker_that_is_killed_and_returns_has_each_event_once(node, broker):
    with node.publisher(give_up_after_s=120) as publisher:
        publisher.warm_up()
        with node.delivering(publisher):
            load = node.load(rate=150)
            until(lambda: len(node.arrived()) > 50, 60, "events flow")
            broker.kill()
            try:
                before = len(node.committed())
                until(lambda: len(node.committed()) > before + 50, 60, "the pipeline goes on without brokers")
            finally:
                broker.start()
            load.terminate()
            assert load.wait(20) == 0
            node.drained(120)
    assert node.ids() == sorted(node.committed())


def test_row_07_on_a_full_disk_the_pipeline_waits_and_goes_on_when_there_is_room(node):
    load = node.load(rate=400)
    until(lambda: node.path.exists() and len(node.committed()) > 100, 60, "events are put")
    _, hard = resource.prlimit(load.pid, resource.RLIMIT_FSIZE, (32 * 1024, resource.RLIM_INFINITY))
    until(lambda: _unchanged_for(1.0, lambda: len(node.committed())), 60, "the file system takes no more")
    assert load.poll() is None
    with node.publisher() as publisher, node.delivering(publisher):
        node.drained()  # whoever empties the box is not held up
        resource.prlimit(load.pid, resource.RLIMIT_FSIZE, (hard, hard))
        before = len(node.committed())
        until(lambda: len(node.committed()) > before + 100, 60, "the pipeline goes on")
        load.terminate()
        assert load.wait(20) == 0
        node.drained()
    assert node.ids() == sorted(node.committed())
    assert node.told_lost() == []


def _unchanged_for(seconds, look):
    first, until_s = look(), time.monotonic() + seconds
    while time.monotonic() < until_s:
        if look() != first:
            return False
    return True


def test_row_07_a_full_box_drops_frames_then_crops_then_vehicles_then_plates_and_tells_each_event(node, tmp_path):
    box = node.box(max_bytes=40_000)
    street = Street(node.agent, box.boot_id, 3)
    losses = []
    for _ in range(300):
        events = street.pass_by()
        box.put(events, [_picture(tmp_path, events[0].event_id, kind) for kind in ("plate", "frame")])
        losses.append(_lost_so_far(node))
    first = [min(n for n, found in enumerate(losses) if found[what]) for what in ("frame", "plate", VEHICLES, PLATES)]
    assert first == sorted(first)
    with node.reader() as reader:
        for image in reader.images(1000):
            reader.delete_image(image)
    node.deliver()
    _all_or_told(node)


def _picture(folder, event, kind):
    path = folder / f"{event}-{kind}.jpg"
    path.write_bytes(b"x" * 500)
    return SpooledImage(f"north/{event}/{kind}.jpg", event, kind, path, hashlib.sha256(b"").hexdigest(), 500)


def _lost_so_far(node):
    with node.reader() as reader:
        lost = reader.backlog().lost_images
        stones = {stone.topic for stone in reader.tombstones()}
    return {"frame": "frame" in lost, "plate": "plate" in lost, VEHICLES: VEHICLES in stones, PLATES: PLATES in stones}


def test_row_08_a_registry_that_is_away_at_boot_is_not_missed_where_its_ids_were_kept(node, registry, tmp_path):
    put = node.fill(node.box(), 20)
    with FaultProxy(registry.port) as line, Producer(node.kafka, client_id=node.agent) as producer:
        url = registry.url.replace(str(registry.port), str(line.port))
        settings = RegistrySettings(url=url, cache_folder=tmp_path / "kept")
        with Registry(settings) as asked:
            KafkaPublisher(producer, asked).warm_up()
        line.set("refuse")
        with Registry(settings) as offline, node.reader() as reader:
            deliver_batch(reader, KafkaPublisher(producer, offline))
    assert node.ids() == sorted(put)


def test_row_08_at_the_first_boot_ever_events_wait_for_the_registry(node, registry, tmp_path):
    put = node.fill(node.box(), 20)
    with FaultProxy(registry.port) as line:
        line.set("refuse")
        url = registry.url.replace(str(registry.port), str(line.port))
        settings = RegistrySettings(url=url, cache_folder=tmp_path / "none")
        with Registry(settings) as distant, Producer(node.kafka, client_id=node.agent) as producer:
            publisher = KafkaPublisher(producer, distant)
            with node.reader() as reader, pytest.raises(DeliveryUnavailable, match="SCHEMA_REGISTRY_URL"):
                deliver_batch(reader, publisher)
            assert node.waiting() == len(put)
            line.set("pass")
            with node.delivering(publisher):
                node.drained()
    assert node.ids() == sorted(put)


def test_row_08_a_registry_that_falls_silent_amid_a_run_is_not_asked(node, registry):
    with node.publisher() as publisher:
        publisher.warm_up()
        registry.pause()
        try:
            put = node.fill(node.box(), 20)
            with node.delivering(publisher):
                node.drained()
        finally:
            registry.resume()
    assert node.ids() == sorted(put)


def test_row_20_asked_to_end_under_load_it_ends_at_once_and_loses_nothing(node):
    load = node.load(rate=400)
    for _ in range(3):
        sender = node.send()
        before = len({one.event_id for one in node.arrived()})
        until(lambda so_far=before: len({one.event_id for one in node.arrived()}) > so_far, 60, "events flow")
        sender.terminate()
        began = time.monotonic()
        assert sender.wait(10) == 0
        assert time.monotonic() - began < 5
    load.terminate()
    assert load.wait(10) == 0
    node.deliver()
    assert set(node.ids()) == set(node.committed())


def test_row_20_asked_to_end_while_brokers_are_silent_it_ends_at_once_and_loses_nothing(node, broker):
    with broker.proxied() as (line, address):
        put = node.fill(node.box(), 10)
        sender = node.send(address=address)
        node.drained()
        line.set("freeze")
        put += node.fill(node.box(), 10)
        until(lambda: line.open_connections > 0, 10, "the sender is connected")
        sender.terminate()
        began = time.monotonic()
        assert sender.wait(20) == 0
        assert time.monotonic() - began < 5
        line.set("pass")
    node.deliver()
    assert set(node.ids()) == set(put)
