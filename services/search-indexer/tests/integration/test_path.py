"""From Kafka into the index on real servers, through every way in which the search engine can fail (rows 14 and 15)."""

import io
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import fastavro
import pytest

from alpr_kafka.consumer import Consumer
from alpr_kafka.decoding import PlainDecoder
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.settings import ConsumerSettings, KafkaSettings
from alpr_schemas import codec, topics
from alpr_search_indexer.handler import IndexHandler
from alpr_search_indexer.indices import Month
from alpr_search_indexer.writer import Pace, Writer
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
EDGE = datetime(2026, 11, 1, tzinfo=UTC)
NOVEMBER = Month(2026, 11)


class AsPlates:
    """Reads a test's own topic as if it were the one of plates."""

    def decode(self, record):
        return PlainDecoder().decode(record._replace(topic=topics.PLATES))


@pytest.fixture
def kafka(broker):
    return KafkaSettings(bootstrap_servers=broker.bootstrap)


@pytest.fixture
def send(kafka, topic):
    with Producer(kafka, client_id="test") as producer:

        def publish(events):
            producer.publish([Outgoing(topic, e if isinstance(e, bytes) else encoded(e), b"cam") for e in events])

        yield publish


def encoded(event):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, codec.schema(topics.PLATES), event)
    return out.getvalue()


class Running:
    """A consumer in a thread; `outages` is how often it said that it is not ready."""

    def __init__(self, kafka, handler, group):
        self.buried, self.outages, self.error = [], 0, None
        self.stop = threading.Event()
        settings = ConsumerSettings(group_id=group, instance_id=group, batch_records=200)
        self.consumer = Consumer(settings, kafka, handler, self.buried.extend, told=self._told)
        self.thread = threading.Thread(target=self._run)

    def _told(self, ready, _):
        self.outages += not ready

    def _run(self):
        try:
            self.consumer.run(self.stop)
        except BaseException as e:  # noqa: BLE001 - told by the fixture
            self.error = e


@pytest.fixture
def running(kafka, topic, engine, catalogue, names):
    @contextmanager
    def start(group="", pace=None):
        pace = pace or Pace(size=50, tries=3, first_delay_s=0.05)
        handler = IndexHandler(
            AsPlates(),
            Writer(engine, catalogue.make_month, pace),
            names.written,
            clock=lambda: EDGE + timedelta(days=60),
        )
        handler.topics = (topic,)
        one = Running(kafka, handler, group or f"g-{uuid4().hex}")
        one.thread.start()
        try:
            yield one
        finally:
            one.stop.set()
            one.thread.join(30)
        assert one.error is None

    return start


def ids(events):
    return {e["event_id"] for e in events}


def test_row_09_poison_is_refused_byte_for_byte_and_its_neighbours_are_indexed(running, send, event, held):
    events = [event(n) for n in range(1000)]
    absurd = {"captured_at": "2099-01-01T00:00:00+00:00"}, {"captured_at": "1970-01-01T00:00:00+00:00"}
    odd = {"event_id": "none"}, {"camera_id": "c" * 51}, {"track_id": "t\0"}, {"first_seen_at": "noon"}
    poison = [b"", b"\xff no event", encoded(events[0])[:-9], *(encoded(event(1, **more)) for more in (*absurd, *odd))]
    send([*events[:500], *poison, *events[500:]])
    with running() as one:
        until(lambda: len(held()) == 1000 and len(one.buried) == len(poison), 60, "all events")
    assert held() == ids(events)
    assert sorted(letter.record.value for letter in one.buried) == sorted(poison)


def test_row_14_a_search_engine_killed_amid_writing_loses_nothing(running, send, event, held, opensearch):
    first, second = [event(n) for n in range(3000)], [event(n) for n in range(3000, 3500)]
    send(first)
    with running() as one:
        until(lambda: len(held()) > 200, 60, "the first events")
        opensearch.kill()
        send(second)
        until(lambda: one.outages > 0, 60, "the outage is told")
        opensearch.start()
        until(lambda: len(held()) == 3500, 120, "all events")
    assert (held(), one.buried) == (ids([*first, *second]), [])


def test_row_14_an_index_made_read_only_is_waited_for(running, send, event, held, engine, catalogue):
    first, second = [event(n) for n in range(300)], [event(n) for n in range(300, 900)]
    send(first)
    with running() as one:
        until(lambda: len(held()) == 300, 60, "the first events")
        index = catalogue.holder(NOVEMBER)
        engine.ask("PUT", f"/{index}/_settings", {"index.blocks.read_only": True})
        send(second)
        until(lambda: one.outages > 0, 60, "the outage is told")
        engine.ask("PUT", f"/{index}/_settings", {"index.blocks.read_only": None})
        until(lambda: len(held()) == 900, 60, "all events")
    assert (held(), one.buried) == (ids([*first, *second]), [])


def test_row_14_an_index_deleted_amid_writing_is_rebuilt_from_the_database(
    running, send, event, held, engine, catalogue, store_rows, reader
):
    from alpr_search_indexer.rebuild import Rebuild

    first, second = [event(n) for n in range(500)], [event(n) for n in range(500, 1000)]
    store_rows([*first, *second])
    send(first)
    with running() as one:
        until(lambda: len(held()) == 500, 60, "the first events")
        engine.ask("DELETE", f"/{catalogue.holder(NOVEMBER)}")
        send(second)
        until(lambda: len(held()) == 500, 60, "what came after")
        Rebuild(engine, catalogue, reader, Pace()).month(NOVEMBER)
        assert held() == ids([*first, *second])
    assert one.buried == []


def test_row_15_a_replay_over_the_month_s_end_adds_nothing(running, send, event, held, catalogue, names):
    edge = datetime(2026, 12, 1, tzinfo=UTC)
    events = [event(n, edge + timedelta(milliseconds=n - 300)) for n in range(600)]
    send(events)
    for _ in range(2):  # each a group of its own, from the first offset on
        with running() as one:
            until(lambda: len(held()) == 600, 60, "all events")
            until(lambda: one.consumer._flying is None, 30, "the batch in flight")
    assert held() == ids(events)
    assert catalogue.indices() == [names.generation(NOVEMBER, 1), names.generation(Month(2026, 12), 1)]


def test_row_14_offsets_follow_only_what_is_indexed(
    running, send, event, held, engine, catalogue, opensearch, broker, topic
):
    """A consumer that ends in an outage has not moved; the next one of its group goes on there."""
    group = f"g-{uuid4().hex}"
    send([event(n) for n in range(100)])
    with running(group) as one:
        until(lambda: len(held()) == 100, 60, "the first events")
        opensearch.kill()
        send([event(n) for n in range(100, 200)])
        until(lambda: one.outages > 0, 60, "the outage is told")
    opensearch.start()
    with running(group):
        until(lambda: len(held()) == 200, 60, "all events")
    assert held() == ids([event(n) for n in range(200)])
