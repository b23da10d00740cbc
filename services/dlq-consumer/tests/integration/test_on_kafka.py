"""From refusal to letter over a real broker and a real registry: every kind of bad bytes ends as a readable letter."""

import threading
import uuid
from contextlib import contextmanager

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from alpr_dlq_consumer.handler import LettersHandler
from alpr_dlq_consumer.metrics import Metrics
from alpr_dlq_consumer.store import Store
from alpr_kafka.consumer import Consumer
from alpr_kafka.dead_letters import DeadLetters
from alpr_kafka.decoding import FramedDecoder
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.records import DeadLetterKind, Place, Record, Refused
from alpr_kafka.registry import Registry
from alpr_kafka.settings import ConsumerSettings, KafkaSettings, RegistrySettings
from alpr_schemas import topics
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
BAD = [
    b"", b"\0", b"\0\0\0\0\7", b"\xff" * 300, b"\0" * 4096, bytes(range(256)), b'{"json": "and a NUL \\u0000"}',
    "Zürich \0 ☂".encode(), b"\xed\xa0\x80 half a surrogate", b"x" * 200_000,
]  # fmt: skip


@pytest.fixture
def kafka(broker):
    return KafkaSettings(bootstrap_servers=broker.bootstrap)


@pytest.fixture
def schemas(registry):
    with Registry(RegistrySettings(url=registry.url)) as asked:
        yield asked


@pytest.fixture
def producer(kafka):
    with Producer(kafka, client_id="test") as opened:
        yield opened


@pytest.fixture
def letters_topic(broker):
    return broker.create_topic()


@pytest.fixture
def keeping(database, kafka, schemas, letters_topic):
    """The consumer of dead letters, as often as asked, as the same member of one group."""
    group = f"g-{uuid.uuid4().hex}"

    @contextmanager
    def keep():
        store = Store(database, group)
        metrics = Metrics(CollectorRegistry())
        handler = LettersHandler(FramedDecoder(schemas.schema), store, metrics, topics=(letters_topic,))
        settings = ConsumerSettings(group_id=group, instance_id=group, session_timeout_s=6.0)
        consumer = Consumer(settings, kafka, handler, lambda _: None)
        stop = threading.Event()
        thread = threading.Thread(target=consumer.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(20)
            assert not thread.is_alive()

    return keep


def asked(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def count(dsn):
    return asked(dsn, "SELECT count(*) FROM dead_letters")[0][0]


def refused(offset, value, **more):
    headers = (("traceparent", b"00-11-22-01"), ("empty", b""), ("bin", b"\xff\0"))
    record = Record(topics.PLATES, value, Place(topics.PLATES, 1), offset, b"gate-\xff", headers, **more)
    return Refused(record, DeadLetterKind.SCHEMA_VALIDATION, f"the registry knows no schema {offset}")


def test_every_kind_of_bad_bytes_becomes_a_letter_with_its_exact_bytes(
    database, producer, schemas, letters_topic, keeping
):
    sender = DeadLetters(producer, schemas, consumer="storage", group="alpr-storage-consumer", topic=letters_topic)
    sender.send([refused(n, value) for n, value in enumerate(BAD)])
    with keeping():
        until(lambda: count(database) == len(BAD), 30, "all letters are kept")
    rows = asked(
        database,
        "SELECT payload, original_key, original_partition, original_offset, consumer, kind, form, state, traceparent"
        " FROM dead_letters ORDER BY original_offset",
    )
    assert [row[0] for row in rows] == BAD
    assert {row[1:3] + row[4:] for row in rows} == {
        (b"gate-\xff", 1, "storage", "SCHEMA_VALIDATION", "record", "new", "00-11-22-01")
    }
    assert len(asked(database, "SELECT DISTINCT fingerprint FROM dead_letters")) == 1


def test_letter_that_was_sent_twice_is_kept_once(database, producer, schemas, letters_topic, keeping):
    sender = DeadLetters(producer, schemas, consumer="storage", group="alpr-storage-consumer", topic=letters_topic)
    for _ in range(3):  # a consumer that died between acknowledgement and commit, twice
        sender.send([refused(7, b"bad")])
    sender.send([refused(8, b"last")])
    with keeping():
        until(lambda: count(database) == 2, 30, "both letters are kept")
    assert sorted(asked(database, "SELECT payload FROM dead_letters")) == [(b"bad",), (b"last",)]


def test_garbage_on_the_topic_of_letters_stops_nobody_and_is_kept(database, producer, schemas, letters_topic, keeping):
    producer.publish([Outgoing(letters_topic, value, key=b"k") for value in BAD])
    sender = DeadLetters(producer, schemas, consumer="indexer", group="alpr-search-indexer", topic=letters_topic)
    sender.send([refused(1, b"good letter")])
    with keeping():
        until(lambda: count(database) == len(BAD) + 1, 30, "garbage and letter are kept")
    envelopes = asked(database, "SELECT payload FROM dead_letters WHERE form = 'envelope'")
    assert sorted(row[0] for row in envelopes) == sorted(BAD)
    assert asked(database, "SELECT consumer, payload FROM dead_letters WHERE form = 'record'") == [
        ("indexer", b"good letter")
    ]


def test_restart_goes_on_after_the_last_letter_and_doubles_none(database, producer, schemas, letters_topic, keeping):
    sender = DeadLetters(producer, schemas, consumer="storage", group="alpr-storage-consumer", topic=letters_topic)
    for n in range(3):
        sender.send([refused(n, b"%d" % n)])
        with keeping():
            until(lambda n=n: count(database) == n + 1, 30, "the letter is kept")
    assert asked(database, "SELECT topic, next, epoch FROM kafka_offsets") == [(letters_topic, 3, 3)]


def test_outage_of_the_database_waits_and_loses_no_letter(database, producer, schemas, letters_topic, keeping):
    sender = DeadLetters(producer, schemas, consumer="storage", group="alpr-storage-consumer", topic=letters_topic)
    with keeping():
        sender.send([refused(1, b"before")])
        until(lambda: count(database) == 1, 30, "the first letter is kept")
        with psycopg.connect(database, autocommit=True) as connection:
            for _ in range(5):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                sender.send([refused(2, b"during")])
        until(lambda: count(database) == 2, 30, "the second letter is kept")
    assert sorted(asked(database, "SELECT payload FROM dead_letters")) == [(b"before",), (b"during",)]
