"""The handler on a real PostgreSQL: offsets, fence and ledger move with the rows, or nothing moves."""

import math
import random
import struct
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from alpr_kafka.decoding import PlainDecoder
from alpr_kafka.errors import Fenced, Unavailable
from alpr_kafka.records import DeadLetterKind, Place, Record
from alpr_schemas import codec, topics
from alpr_schemas.events import MetricEvent, MetricType, Node
from alpr_schemas.identity import iso
from alpr_storage_consumer.batches import TimeWindow
from alpr_storage_consumer.handler import StorageHandler
from alpr_storage_consumer.proof import as_document, read_proof
from alpr_storage_consumer.store import Patience, Store
from alpr_testing.readings import reading
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
PLACE, OTHER = Place(topics.PLATES, 0), Place(topics.PLATES, 1)
NOW = datetime.now(UTC).replace(microsecond=0)
LONG = random.Random(9).randbytes(6000).hex()  # more than an index of the database takes, also compressed


class Kit:
    """What the consumer kit does with a handler, without Kafka."""

    def __init__(self, dsn, patience=None):
        self.handler = StorageHandler(Store(dsn, "group", patience or Patience()), PlainDecoder(), TimeWindow())
        self.refused = []

    def take(self, records, bury=None):
        prepared = self.handler.prepare(records)
        following = {r.place: r.offset + 1 for r in records if r.place}
        self.refused = []
        self.handler.write(prepared, following, bury or self.refused.extend)


@pytest.fixture
def kit(database):
    opened = Kit(database)
    opened.handler.claim([PLACE, OTHER])
    yield opened
    opened.handler.close()


def plate(number, *, place=PLACE, offset=None, retried=0, **more):
    event = reading(number, at=NOW + timedelta(seconds=number - 1000), **more)
    offset = number if offset is None else offset
    return Record(topics.PLATES, codec.encode(event), place, offset, timestamp_ms=1, retried=retried)


def tombstone(first, last, **tags):
    told = {"agent_id": "node-1", "boot_id": "boot", "topic": topics.PLATES}
    event = MetricEvent(
        metric_id=str(uuid4()), timestamp=iso(NOW), host_id="node-1", metric_type=MetricType.CUSTOM, site_id="north",
        metric_name="alpr_events_lost", value=1, unit="events",
        tags={**told, "first_seq": str(first), "last_seq": str(last), **tags},
    )  # fmt: skip
    return Record(topics.METRICS, codec.encode(event), None)


def rows(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def proof(dsn):
    with psycopg.connect(dsn) as connection:
        return as_document(read_proof(connection))


def test_offsets_move_with_the_rows(database, kit):
    kit.take([plate(n) for n in range(1, 11)])
    assert kit.handler.claim([PLACE, OTHER]) == {PLACE: 11}
    assert rows(database, "SELECT count(*) FROM plate_events") == [(10,)]


def test_row_12_a_zombie_is_fenced_and_writes_nothing(database, kit):
    kit.take([plate(1)])
    successor = Kit(database)
    assert successor.handler.claim([PLACE]) == {PLACE: 2}
    with pytest.raises(Fenced):
        kit.take([plate(2), plate(3)])
    assert rows(database, "SELECT seq FROM plate_events") == [(1,)]
    assert proof(database)["seen"] == 1
    successor.take([plate(2)])
    assert rows(database, "SELECT seq FROM plate_events ORDER BY 1") == [(1,), (2,)]
    successor.handler.close()


def test_a_partition_never_claimed_is_not_written(database, kit):
    with pytest.raises(Fenced):
        kit.take([plate(1, place=Place(topics.PLATES, 7))])
    assert rows(database, "SELECT count(*) FROM plate_events") == [(0,)]


def test_nothing_is_stored_where_the_dead_letters_cannot_be_told(database, kit):
    def no_kafka(refused):
        raise Unavailable("no broker")

    batch = [plate(1), Record(topics.PLATES, b"no event", PLACE, 2)]
    with pytest.raises(Unavailable):
        kit.take(batch, no_kafka)
    assert rows(database, "SELECT count(*) FROM plate_events") == [(0,)]
    assert proof(database)["seen"] == 0
    kit.take(batch)
    assert [letter.kind for letter in kit.refused] == [DeadLetterKind.SCHEMA_VALIDATION]
    assert kit.handler.claim([PLACE]) == {PLACE: 3}


@pytest.mark.parametrize("poison", [1, 3, 10])
def test_row_09_poison_is_bisected_out_with_its_bytes_in_few_tries(database, kit, poison):
    from alpr_storage_consumer import metrics

    batch = [plate(n) for n in range(1, 1001)]
    bad = {n * 97 for n in range(1, poison + 1)}
    for n in bad:
        batch[n] = plate(n + 1, node=Node(site="s" * 64))
    before = metrics.BISECTS._value.get()
    kit.take(batch)
    assert sorted(letter.record.value for letter in kit.refused) == sorted(batch[n].value for n in bad)
    assert {letter.kind for letter in kit.refused} == {DeadLetterKind.PROCESSING_FAILURE}
    stored = {str(row[0]) for row in rows(database, "SELECT event_id FROM plate_events")}
    assert stored == {
        reading(n, at=NOW + timedelta(seconds=n - 1000)).event_id for n in range(1, 1001) if n - 1 not in bad
    }
    tries = 1 + 2 * (metrics.BISECTS._value.get() - before)
    assert tries <= poison * 2 * math.ceil(math.log2(1000)) + 1
    assert (proof(database)["missing"], proof(database)["dead"]) == (0, poison)


def test_the_ledger_names_what_is_missing_and_forgets_nothing_on_replay(database, kit):
    batch = [plate(n) for n in (1, 2, 3, 7, 8, 12)]
    for _ in range(3):
        kit.take(batch)
    (boot,) = proof(database)["boots"]
    assert (boot["contiguous_upto"], boot["highest"], boot["seen_count"]) == (3, 12, 6)
    assert boot["missing"] == [(4, 6), (9, 11)]
    kit.take([tombstone(4, 5), tombstone(9, 9), plate(6), plate(10), plate(11)])
    (boot,) = proof(database)["boots"]
    assert (boot["contiguous_upto"], boot["missing"], boot["tombstoned"]) == (12, [], [(4, 5), (9, 9)])


@pytest.mark.parametrize(
    "tags", [{"agent_id": ""}, {"first_seq": "x"}, {"last_seq": "0"}, {"topic": "t"}, {"last_seq": "9" * 30}]
)
def test_a_tombstone_that_makes_no_sense_is_a_figure_like_any_other(database, kit, tags):
    kit.take([plate(2), tombstone(1, 1, **tags)])
    assert (proof(database)["missing"], proof(database)["tombstoned"]) == (1, 0)
    assert rows(database, "SELECT count(*) FROM metric_events") == [(1,)]


def test_row_18_absurd_times_are_dead_letters_with_a_number(database, kit):
    late = [
        plate(2, captured_at=iso(NOW + timedelta(minutes=6))), plate(3, captured_at="1970-01-01T00:00:00+00:00"),
        plate(4, captured_at=iso(NOW - timedelta(days=4000))), plate(5, captured_at=iso(NOW)),
    ]  # fmt: skip
    kit.take([plate(1), *late, plate(6)])
    assert [letter.kind for letter in kit.refused] == [DeadLetterKind.BUSINESS_LOGIC] * 4
    assert "event_id" in kit.refused[3].reason
    assert (proof(database)["missing"], proof(database)["dead"], proof(database)["seen"]) == (0, 4, 2)


def test_row_22_a_copied_agent_is_told_by_new_numbers_of_an_earlier_boot(database, kit):
    kit.take([plate(1, boot_id="one"), plate(2, boot_id="one")])
    kit.take([plate(11, boot_id="two", seq=1), plate(12, boot_id="two", seq=2)])
    assert not kit.refused
    kit.take([plate(2, boot_id="one", offset=20), plate(3, boot_id="one", offset=21)])
    assert [letter.record.offset for letter in kit.refused] == [21]
    assert "cloned" in kit.refused[0].reason
    kit.take([plate(3, boot_id="one", place=OTHER, offset=0)])  # another partition has another order
    assert not kit.refused


def test_row_22_a_copied_agent_is_told_by_a_number_that_came_with_another_event(database, kit):
    kit.take([plate(1), plate(2)])
    twin = plate(50, seq=2)
    kit.take([plate(1, offset=10), twin, plate(3)])
    assert [letter.record for letter in kit.refused] == [twin]
    assert rows(database, "SELECT seq FROM plate_events ORDER BY 1") == [(1,), (2,), (3,)]


def test_row_22_a_person_may_let_a_copys_event_in(database, kit):
    retry = Place("alpr.retry.storage", 0)
    kit.handler.claim([PLACE, OTHER, retry])
    kit.take([plate(1)])
    kit.take([plate(50, seq=1, place=retry, offset=0, retried=1)])
    assert not kit.refused
    assert rows(database, "SELECT count(*) FROM plate_events") == [(2,)]


def test_a_row_that_retention_removed_is_no_copys(database, kit):
    kit.take([plate(1)])
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM plate_events")
        connection.execute("INSERT INTO retention_marks VALUES ('plate_events', %s)", (NOW,))
    kit.take([plate(1, offset=5)])
    assert not kit.refused
    assert rows(database, "SELECT count(*) FROM plate_events") == [(0,)]


def test_events_without_an_agent_are_stored_once_and_stay_outside_of_the_ledger(database, kit):
    old = [plate(n, event_id=str(uuid4()), agent_id="", boot_id="", seq=0) for n in range(20)]
    kit.take(old)
    kit.take([*old, *old[:3]])
    assert rows(database, "SELECT count(*) FROM plate_events") == [(20,)]
    assert proof(database)["boots"] == []


def test_the_same_event_under_another_number_is_stored_once(database, kit):
    kit.take([plate(n) for n in range(1, 21)])
    again = [plate(n, boot_id="next", offset=n + 50) for n in range(1, 31)]  # a clip is read anew after a restart
    kit.take(again)
    assert not kit.refused
    assert rows(database, "SELECT count(*) FROM plate_events") == [(30,)]
    assert proof(database)["missing"] == 0


def test_row_21_a_topic_that_is_read_again_changes_nothing_but_lets_news_through(database, kit):
    first = [plate(n) for n in range(1, 301)]
    kit.take(first)
    for _ in range(2):
        kit.take(first)  # from the second time on by keys alone
    assert kit.handler.prepare(first[:1]).work.unread
    mixed = [*first[:200], plate(301), Record(topics.PLATES, b"\x48 junk", PLACE, 302), plate(303)]
    kit.take(mixed)
    assert [letter.record.offset for letter in kit.refused] == [302]
    assert rows(database, "SELECT count(*), max(seq) FROM plate_events") == [(302, 303)]


def test_row_11_a_lock_that_is_held_is_waited_out(database):
    kit = Kit(database, Patience(lock_s=0.3))
    kit.handler.claim([PLACE])
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE plate_events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable, match="55P03"):
            kit.take([plate(1)])
    kit.take([plate(1)])
    assert rows(database, "SELECT count(*) FROM plate_events") == [(1,)]
    kit.handler.close()


def test_row_12_a_writer_that_sleeps_amid_its_transaction_does_not_hold_up_its_successor(database):
    sleeper, successor = Kit(database, Patience(statement_s=1)), Kit(database, Patience(lock_s=0.5))
    sleeper.handler.claim([PLACE])
    asleep, awake, ends = threading.Event(), threading.Event(), []

    def sleep(_):
        asleep.set()
        awake.wait(60)

    def take():
        try:
            sleeper.take([plate(1), Record(topics.PLATES, b"junk", PLACE, 2)], bury=sleep)
        except (Fenced, Unavailable) as e:
            ends.append(type(e))

    thread = threading.Thread(target=take)
    thread.start()
    try:
        assert asleep.wait(30)
        until(lambda: claims(successor), 5, "the successor has the partition")
        successor.take([plate(1), plate(3)])
    finally:
        awake.set()
        thread.join(30)
        sleeper.handler.close()
        successor.handler.close()
    assert len(ends) == 1
    assert rows(database, "SELECT seq FROM plate_events ORDER BY 1") == [(1,), (3,)]


def claims(kit):
    try:
        kit.handler.claim([PLACE])
    except Unavailable:
        return False
    return True


def test_fields_of_the_row_are_what_was_sent(database, kit):
    sent = reading(7, "AB12CDE", at=NOW, latency_ms=33)
    kit.take([Record(topics.PLATES, codec.encode(sent), PLACE, 0)])
    ((row, box, candidates),) = rows(
        database,
        "SELECT row_to_json(p), box, candidates FROM plate_events p",
    )
    assert row["event_id"] == sent.event_id
    assert datetime.fromisoformat(row["captured_at"]) == NOW
    assert (row["plate_text"], row["latency_ms"], row["seq"], row["resumed"]) == ("AB12CDE", 33, 7, False)
    assert row["plate_confidence"] == struct.unpack(">f", struct.pack(">f", 0.9))[0]
    assert box == [10, 20, 110, 60]
    assert [c["text"] for c in candidates] == ["AB12CDE", "AB12CDX"]
    assert row["plate_folded"] == "A812C0E"


@pytest.mark.parametrize(
    ("field", "name"),
    [("agent_id", "a\0"), ("agent_id", LONG), ("boot_id", "b\0"), ("boot_id", LONG), ("site", "s\0")],
    ids=["agent-nul", "agent-long", "boot-nul", "boot-long", "site-nul"],
)
def test_row_09_a_name_that_the_ledger_cannot_hold_stops_nobody(database, kit, field, name):
    odd = plate(2, node=Node(site=name)) if field == "site" else plate(2, **{field: name})
    kit.take([odd, plate(1), plate(3)])
    assert rows(database, "SELECT seq FROM plate_events WHERE seq <> 2 ORDER BY 1") == [(1,), (3,)]
    assert proof(database)["seen"] == 2


def test_row_09_a_nul_is_refused_and_its_neighbours_are_stored(database, kit):
    kit.take([plate(1), plate(2, track_id="t\0"), plate(3)])
    assert [letter.record.offset for letter in kit.refused] == [2]
    assert rows(database, "SELECT count(*) FROM plate_events") == [(2,)]
