"""Refused, kept, replayed, stored: dead letters through the real broker, registry and database, and both consumers."""

import io
import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime

import fastavro
import psycopg
import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from alpr_cli.__main__ import alpr
from alpr_dlq_consumer.handler import LettersHandler
from alpr_dlq_consumer.metrics import Metrics
from alpr_dlq_consumer.store import Store as LetterStore
from alpr_kafka import topics as kafka_topics
from alpr_kafka.consumer import Consumer
from alpr_kafka.dead_letters import DeadLetters
from alpr_kafka.decoding import FramedDecoder, frame
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import ConsumerSettings, KafkaSettings, RegistrySettings
from alpr_schemas import codec, topics
from alpr_schemas.events import Plate, PlateEvent
from alpr_schemas.identity import event_id, iso
from alpr_storage_consumer.handler import StorageHandler
from alpr_storage_consumer.store import Store
from alpr_testing.kafka import running_broker
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
AT = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS, NEWER = 12, (3, 4, 9)  # which of them a newer producer wrote


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker of this module: the topics have their real names here."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as one:
        yield one


@pytest.fixture
def kafka(broker):
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap)
    there = [t.name for t in kafka_topics.ALL if t.name in broker.admin().list_topics(timeout=10).topics]
    if there:
        broker.delete_topics(there)
    kafka_topics.apply(settings)
    return settings


@pytest.fixture
def schemas(registry):
    with Registry(RegistrySettings(url=registry.url)) as asked:
        yield asked


@pytest.fixture
def environment(kafka, registry, database, monkeypatch):
    told = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SCHEMA_REGISTRY_URL": registry.url,
        "ALPR_DATABASE_URL": database,
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return told


def event(n):
    return PlateEvent(
        event_id=str(event_id(AT, "s", "c", "e", f"t-{n}")), captured_at=iso(AT), camera_id="gate", track_id=f"t-{n}",
        plate=Plate(text="ZX81", normalized_text="ZX81", confidence=0.9), agent_id="a", boot_id="b", seq=n,
    )  # fmt: skip


def trace(n):
    return f"00-{n:032x}-{n:016x}-01"


def newer_schema():
    """What a newer producer registers: a field more, which has a default."""
    more = {"name": "weather", "type": "string", "default": ""}
    ours = codec.definition(topics.PLATES)
    return {**ours, "fields": [*ours["fields"], more]}


def written(schema, values):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), values)
    return out.getvalue()


@pytest.fixture
def produced(kafka, schemas):
    """EVENTS plates; those of NEWER are written by a schema that old consumers' registry does not know."""
    new = newer_schema()
    old_id = schemas.id_of(topics.PLATES, codec.definition(topics.PLATES))
    new_id = schemas.id_of(topics.PLATES, new)
    with Producer(kafka, client_id="test") as producer:
        for n in range(1, EVENTS + 1):
            fields = event(n).model_dump(mode="json")
            value = frame(new_id, written(new, fields | {"weather": "rain"})) if n in NEWER else frame(
                old_id, codec.encode(event(n))
            )  # fmt: skip
            headers = (("traceparent", trace(n).encode()),)
            producer.publish([Outgoing(topics.PLATES, value, b"gate", headers)])
    return new_id


@contextmanager
def running(kafka, handler, group, letters, retries=None):
    settings = ConsumerSettings(
        group_id=group, instance_id=uuid.uuid4().hex, session_timeout_s=6.0, dead_share=0.9, dead_in_a_row=1000
    )
    stop, consumer = threading.Event(), Consumer(settings, kafka, handler, letters, retries=retries)
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def storing(kafka, schemas, database):
    """The storage consumer, with a registry that lacks some ids, or with all of it."""

    @contextmanager
    def store(*missing):
        def schema_of(number):
            if number in missing:
                raise KeyError(number)
            return schemas.schema(number)

        group = "alpr-storage-consumer"
        handler = StorageHandler(Store(database), FramedDecoder(schema_of))
        with Producer(kafka, client_id="letters") as producer:
            letters = DeadLetters(producer, schemas, consumer="storage", group=group)
            with running(kafka, handler, group, letters.send, "storage"):
                yield

    return store


@pytest.fixture
def keeping(kafka, schemas, database):
    @contextmanager
    def keep():
        store = LetterStore(database, "alpr-dlq-consumer")
        handler = LettersHandler(FramedDecoder(schemas.schema), store, Metrics(CollectorRegistry()))
        with running(kafka, handler, "alpr-dlq-consumer", lambda _: None):
            yield

    return keep


def asked(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def stored(dsn):
    return {str(row[0]) for row in asked(dsn, "SELECT event_id FROM plate_events")}


def dlq(*arguments):
    result = CliRunner().invoke(alpr, ["dlq", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def refused(produced, storing, keeping, database, environment):
    """Three letters in the table, their neighbours stored."""
    with storing(produced), keeping():
        until(lambda: len(stored(database)) == EVENTS - len(NEWER), 60, "the neighbours are stored")
        until(lambda: len(asked(database, "SELECT id FROM dead_letters")) == len(NEWER), 60, "the letters are kept")
    return database


def test_largest_record_that_kafka_takes_stops_nobody_and_comes_back_whole(
    kafka, storing, keeping, database, environment
):
    largest = b"\xff" + random.Random(5).randbytes(999_000)  # of the client's million, and it does not compress
    with Producer(kafka, client_id="test") as producer, storing(), keeping():
        producer.publish([Outgoing(topics.PLATES, largest, b"gate")])
        query = "SELECT payload FROM dead_letters WHERE attempts = {}"
        until(lambda: asked(database, query.format(0)) == [(largest,)], 60, "it is a letter")
        assert "1 letters were sent again" in dlq("replay", "--all")
        until(lambda: asked(database, query.format(1)) == [(largest,)], 60, "it came back")


def in_topic(kafka, topic):
    """How many records a topic holds."""
    from confluent_kafka import Consumer as Client
    from confluent_kafka import TopicPartition

    client = Client({**kafka.client(), "group.id": "counting"})
    try:
        parts = client.list_topics(topic, timeout=10).topics[topic].partitions
        ends = [client.get_watermark_offsets(TopicPartition(topic, part), timeout=10) for part in parts]
        return sum(end - start for start, end in ends)
    finally:
        client.close()


def test_refused_records_are_shown_and_a_dry_run_changes_nothing(refused, kafka):
    (line,) = [line for line in dlq("list").splitlines() if "SCHEMA_VALIDATION" in line]
    assert "the registry knows no schema" in line
    number = asked(refused, "SELECT min(id) FROM dead_letters")[0][0]
    shown = dlq("show", str(number))
    assert '"camera_id": "gate"' in shown
    assert "ZX81" not in shown
    assert "3 letters would be sent again" in dlq("replay", "--all", "--dry-run")
    assert asked(refused, "SELECT DISTINCT state, attempts FROM dead_letters") == [("new", 0)]
    assert in_topic(kafka, "alpr.retry.storage") == 0


def test_letters_are_stored_exactly_once_after_the_reader_was_mended(refused, storing, keeping):
    traces = asked(refused, "SELECT traceparent FROM dead_letters ORDER BY original_offset")
    assert traces == [(trace(n),) for n in NEWER]
    fingerprint = asked(refused, "SELECT DISTINCT fingerprint FROM dead_letters")[0][0]
    assert "3 letters were sent again" in dlq("replay", "--fingerprint", fingerprint[:6], "--rate", "50/s")
    with storing(), keeping():
        until(lambda: len(stored(refused)) == EVENTS, 60, "the replayed records are stored")
    assert stored(refused) == {event(n).event_id for n in range(1, EVENTS + 1)}
    assert asked(refused, "SELECT count(*) FROM plate_events") == [(EVENTS,)]
    assert asked(refused, "SELECT state, count(*) FROM dead_letters GROUP BY 1") == [("replayed", 3)]
    assert "0 letters were sent again" in dlq("replay", "--all")


def test_records_that_are_refused_again_come_back_with_a_trip_more_until_they_are_parked(
    refused, storing, keeping, produced
):
    first = asked(refused, "SELECT min(first_failed_at) FROM dead_letters")
    with storing(produced), keeping():
        for trip in range(1, 6):
            assert "3 letters were sent again" in dlq("replay", "--all")
            query = f"SELECT id FROM dead_letters WHERE attempts = {trip} AND state IN ('new', 'parked')"
            until(lambda query=query: len(asked(refused, query)) == len(NEWER), 60, f"trip {trip} came back")
    assert asked(refused, "SELECT state, count(*) FROM dead_letters GROUP BY 1 ORDER BY 1") == [
        ("parked", 3),
        ("replayed", 15),
    ]
    assert asked(refused, "SELECT min(first_failed_at) FROM dead_letters WHERE state = 'parked'") == first
    assert "0 letters were sent again" in dlq("replay", "--all")


def test_kill_between_acknowledgement_and_state_replays_twice_at_most_and_stores_once(
    refused, storing, kafka, environment
):
    command = [sys.executable, "-m", "alpr_cli", "dlq", "replay", "--all"]
    told = {**os.environ, **environment, "ALPR_FAILPOINT": "after_produce"}
    assert subprocess.run(command, env=told, check=False).returncode == -signal.SIGKILL
    assert asked(refused, "SELECT DISTINCT state FROM dead_letters") == [("new",)]
    subprocess.run(command, env={**os.environ, **environment}, check=True)
    assert in_topic(kafka, "alpr.retry.storage") == 2 * len(NEWER)
    with storing():
        until(lambda: len(stored(refused)) == EVENTS, 60, "the replayed records are stored")
    assert asked(refused, "SELECT count(*) FROM plate_events") == [(EVENTS,)]
    assert asked(refused, "SELECT DISTINCT state FROM dead_letters") == [("replayed",)]
