"""The loop on a real broker: nothing lost, nothing doubled, whatever goes away."""

import time

import pytest

from alpr_kafka.errors import DeadLetterFlood
from alpr_kafka.letters import ORIGINAL_TOPIC, RETRIED
from alpr_kafka.records import Place
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


def values(count, start=0):
    return [f"value {number}".encode() for number in range(start, start + count)]


@pytest.fixture
def retries(broker):
    if "alpr.retry.storage" not in broker.admin().list_topics(timeout=10).topics:
        broker.create_topic("alpr.retry.storage", partitions=3)


def test_all_that_is_sent_is_written_once_and_the_next_consumer_goes_on_behind_it(
    topic, send, consuming, keeper, memory
):
    send(topic, values(3000))
    with consuming(keeper([topic], memory)):
        until(lambda: len(memory.rows) >= 3000, 30, "all rows")
    send(topic, values(500, 3000))
    with consuming(keeper([topic], memory)):
        until(lambda: len(memory.rows) >= 3500, 30, "the rest")
    assert sorted(memory.rows) == sorted(values(3500))


def test_bad_records_are_buried_with_their_bytes_and_their_neighbours_are_written(
    topic, send, consuming, keeper, memory
):
    send(topic, [*values(250), b"bad \x00\xff", *values(250, 250)])
    with consuming(keeper([topic], memory)) as running:
        until(lambda: len(memory.rows) >= 500, 30, "the neighbours")
        assert [one.record.value for one in running.buried] == [b"bad \x00\xff"]
    assert sorted(memory.rows) == sorted(values(500))


def test_an_outage_is_waited_out_and_buries_nothing(topic, send, consuming, keeper, memory):
    send(topic, values(100))
    with consuming(keeper([topic], memory)) as running:
        until(lambda: len(memory.rows) == 100, 30, "the first rows")
        memory.away = True
        send(topic, values(100, 100))
        until(lambda: running.handler.tries > 3, 20, "several tries")
        assert running.ready[-1][0] is False
        memory.away = False
        back = time.monotonic()
        until(lambda: len(memory.rows) == 200, 10, "the rest")
        assert time.monotonic() - back < 5
        assert not running.buried
    assert sorted(memory.rows) == sorted(values(200))


def test_a_store_that_is_away_at_the_start_is_waited_for(topic, send, consuming, keeper, memory):
    memory.away = True
    send(topic, values(10))
    with consuming(keeper([topic], memory)) as running:
        until(lambda: len(running.ready) > 1, 20, "it has asked twice")
        memory.away = False
        until(lambda: len(memory.rows) == 10, 20, "all rows")


def test_a_flood_of_bad_records_stops_the_consumer_and_leaves_the_offsets_alone(topic, send, consuming, keeper, memory):
    send(topic, [b"bad"] * 400)
    with consuming(keeper([topic], memory)) as running:
        until(lambda: running.error is not None, 30, "the flood is noticed")
        assert isinstance(running.error, DeadLetterFlood)
        assert not running.buried
        assert not memory.next


def test_a_partition_that_another_claimed_is_let_alone_until_kafka_says_otherwise(
    topic, send, consuming, keeper, memory
):
    send(topic, values(10))
    with consuming(keeper([topic], memory)) as running:
        until(lambda: len(memory.rows) == 10, 30, "the first rows")
        for place in list(memory.epochs):
            memory.epochs[place] += 1  # as another claims it
        send(topic, values(10, 10))
        until(lambda: running.consumer._fenced_at is not None, 20, "it is fenced")
        assert len(memory.rows) == 10
        until(lambda: len(memory.rows) == 20, 40, "it claims them again where the group is in order")
    assert sorted(memory.rows) == sorted(values(20))


def test_two_members_share_the_work_and_one_that_leaves_loses_nothing(topic, send, consuming, keeper, memory):
    with consuming(keeper([topic], memory), "one"):
        send(topic, values(500))
        with consuming(keeper([topic], memory), "two") as two:
            until(lambda: two.handler.mine, 40, "the second has partitions")
            send(topic, values(500, 500))
            until(lambda: len(memory.rows) >= 1000, 40, "all rows")
        send(topic, values(500, 1000))
        until(lambda: len(memory.rows) >= 1500, 40, "the first has them all again")
    assert sorted(memory.rows) == sorted(values(1500))


def test_what_comes_by_the_retry_topic_bears_its_own_topic(retries, topic, send, consuming, keeper, memory):
    seen = []

    class Watcher(keeper):
        def prepare(self, records):
            seen.extend(records)
            return super().prepare(records)

    with consuming(Watcher([topic], memory), retries="storage"):
        send("alpr.retry.storage", [b"again"], headers=((ORIGINAL_TOPIC, topic.encode()), (RETRIED, b"2")))
        until(lambda: any(r.value == b"again" for r in seen), 30, "it came")
    record = next(r for r in seen if r.value == b"again")
    assert (record.topic, record.retried) == (topic, 2)
    assert record.place is not None
    assert record.place.topic == "alpr.retry.storage"
    assert isinstance(record.place, Place)


def test_it_ends_within_five_seconds_under_load(topic, send, consuming, keeper, memory):
    send(topic, values(5000))
    with consuming(keeper([topic], memory), batch_records=50) as running:
        until(lambda: len(memory.rows) > 200, 30, "it works")
        ended = time.monotonic()
        running.stop.set()
        running.thread.join(10)
        assert time.monotonic() - ended < 5
    with consuming(keeper([topic], memory)):
        until(lambda: len(memory.rows) >= 5000, 30, "the rest")
    assert sorted(memory.rows) == sorted(values(5000))


@pytest.mark.parametrize("away", ["kill", "pause"])
def test_it_ends_though_no_broker_answers(topic, send, consuming, broker, keeper, memory, away):
    with consuming(keeper([topic], memory)) as running:
        send(topic, values(100))
        until(lambda: len(memory.rows) == 100, 30, "the first rows")
        getattr(broker, away)()
        try:
            running.stop.set()
            running.thread.join(15)
            assert not running.thread.is_alive()
            assert running.error is None
        finally:
            broker.resume() if away == "pause" else broker.start()
    send(topic, values(100, 100))
    with consuming(keeper([topic], memory)):
        until(lambda: len(memory.rows) == 200, 60, "the rest")
    assert sorted(memory.rows) == sorted(values(200))


def test_a_broker_that_stops_for_a_while_loses_nothing(topic, send, consuming, broker, keeper, memory):
    with consuming(keeper([topic], memory)):
        send(topic, values(100))
        until(lambda: len(memory.rows) == 100, 30, "the first rows")
        broker.pause()
        time.sleep(2)
        broker.resume()
        send(topic, values(100, 100))
        until(lambda: len(memory.rows) == 200, 60, "the rest")
    assert sorted(memory.rows) == sorted(values(200))
