"""A marked plate in records that are wrong in every field in turn: it is in no log, metric or reason of any consumer.

Where it may be is the payload of a dead letter, the table and the index. None of the consumers ends of such a record.
"""

import copy
import io
import math
import os
import random
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import fastavro
import psycopg
import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from alpr_kafka import topics as kafka_topics
from alpr_kafka.decoding import frame
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_schemas import codec, topics
from alpr_schemas.events import MetricEvent, MetricType, Rectangle, TrackingInfo, VehicleEvent, VehicleInfo
from alpr_schemas.identity import iso
from alpr_testing.kafka import running_broker
from alpr_testing.ports import free_port
from alpr_testing.readings import reading
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
MARK = "XQ81ZVK"
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
LONG = MARK + random.Random(9).randbytes(6000).hex()  # more than an index of the database takes, also compressed
TEXTS = (MARK, MARK * 30, LONG, f"{MARK}\0", f"{MARK}\\u0000", f"2026-13-45T{MARK}", "")
NUMBERS = (-1, 2**31 - 1, -(2**31))
FRACTIONS = (math.nan, math.inf, -1.0, 1e38)
SHOWN = {"host_id", "site_id", "metric_name"}  # of a figure: labels, and nobody's plate
READERS = {
    "alpr_storage_consumer": ("g-storage", (topics.PLATES, topics.VEHICLES, topics.METRICS)),
    "alpr_search_indexer": ("g-index", (topics.PLATES,)),
    "alpr_metrics_consumer": ("g-metrics", (topics.METRICS,)),
    "alpr_dlq_consumer": ("g-letters", (topics.DEAD_LETTERS,)),
}


def whole():
    """An event of each topic, as right as can be, with the mark for a plate where one belongs."""
    vehicle = VehicleEvent(
        event_id=str(uuid4()), captured_at=iso(NOW), camera_id="c", track_id="t", plate_event_id=str(uuid4()),
        vehicle=VehicleInfo(bbox=Rectangle(x1=0, y1=0, x2=1, y2=1), confidence=1), agent_id="a", boot_id="v", seq=1,
        tracking=TrackingInfo(first_seen_at=iso(NOW), last_seen_at=iso(NOW), direction="away"),
    )  # fmt: skip
    figure = MetricEvent(
        metric_id=str(uuid4()), timestamp=iso(NOW), host_id="h", site_id="north", metric_type=MetricType.CUSTOM,
        metric_name="alpr_events_lost", value=2, unit="events", tags={"agent_id": "a", "first_seq": "1", "topic": "t"},
    )  # fmt: skip
    for event in (reading(1, MARK, at=NOW), vehicle, figure):
        yield codec.topic_of(event), decoded(codec.topic_of(event), codec.encode(event))


def decoded(topic, value):
    return fastavro.schemaless_reader(io.BytesIO(value), codec.schema(topic), None)


def leaves(value, path=()):
    """Paths to all that is no record, list or map."""
    if not isinstance(value, dict | list):
        yield path
        return
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(part, (*path, key))


def damaged(topic, event):
    """`event`, with each field wrong in turn, in each way that Avro can still write; then its bytes cut and turned."""
    for path in leaves(event):
        *above, last = path
        if topic == topics.METRICS and last in SHOWN:
            continue
        for wrong in (*TEXTS, *NUMBERS, *FRACTIONS):
            made = copy.deepcopy(event)
            place = made
            for key in above:
                place = place[key]
            place[last] = wrong
            out = io.BytesIO()
            try:
                fastavro.schemaless_writer(out, codec.schema(topic), made)
            except (ValueError, TypeError, OverflowError, AttributeError):
                continue
            yield out.getvalue()
    out = io.BytesIO()
    fastavro.schemaless_writer(out, codec.schema(topic), event)
    value = out.getvalue()
    for at in range(0, len(value), 7):
        yield value[:at]
        yield value[:at] + b"\xff\xff\xff" + value[at:]


class Fleet:
    """The four consumers as processes on servers of this test's own, their logs and what they show."""

    def __init__(self, broker, registry, opensearch, prefix, dsn, folder):
        self.broker, self.dsn, self.folder = broker, dsn, folder
        self.environment = {
            **os.environ, "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "SCHEMA_REGISTRY_URL": registry.url,
            "ALPR_DATABASE_URL": dsn, "OPENSEARCH_HOSTS": opensearch.url, "OPENSEARCH_INDEX_PREFIX": prefix,
            "SESSION_TIMEOUT_S": "6", "DLQ_MAX_SHARE": "1", "DLQ_MAX_IN_A_ROW": "100000", "RECONCILE_EVERY": "0s",
            "ALPR_DLQ_CENSUS_EVERY_S": "0.2",
        }  # fmt: skip
        self.processes, self.ports = {}, {}

    def start(self, module):
        self.ports[module] = free_port()
        told = {"KAFKA_GROUP_ID": READERS[module][0], "METRICS_PORT": str(self.ports[module])}
        with (self.folder / f"{module}.log").open("wb") as log:
            self.processes[module] = subprocess.Popen(
                [sys.executable, "-m", module], env={**self.environment, **told}, stdout=log, stderr=log
            )

    def caught_up(self, module):
        """Whether its group has committed the ends of its topics; it must not have ended."""
        assert self.processes[module].poll() is None, self.log(module)[-2000:]
        group, read = READERS[module]
        client = Consumer({**self.broker.plain(), "group.id": group, "enable.auto.commit": False})
        try:
            parts = [TopicPartition(t.name, n) for t in kafka_topics.ALL if t.name in read for n in range(t.partitions)]
            ends = [client.get_watermark_offsets(part, timeout=20)[1] for part in parts]
            return [max(0, p.offset) for p in client.committed(parts, timeout=20)] == ends
        except KafkaException:  # the coordinator of a group that is new has to be found first
            return False
        finally:
            client.close()

    def log(self, module):
        return (self.folder / f"{module}.log").read_text()

    def shown(self, module):
        return "".join(self.page(module, path) for path in ("/metrics", "/ready"))

    def page(self, module, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[module]}{path}", timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.read().decode()

    def letters(self):
        """All messages of the dead letters: (fields, headers)."""
        client, found = Consumer({**self.broker.plain(), "group.id": "nobody", "enable.auto.commit": False}), []
        try:
            part = TopicPartition(topics.DEAD_LETTERS, 0, 0)
            client.assign([part])
            for _ in range(client.get_watermark_offsets(part, timeout=20)[1]):
                message = client.poll(20)
                found.append((decoded(topics.DEAD_LETTERS, message.value()[5:]), message.headers()))
        finally:
            client.close()
        return found

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def fleet(tmp_path, registry, opensearch, index_prefix, database):
    with running_broker(tmp_path / "kafka") as broker:
        kafka_topics.apply(KafkaSettings(bootstrap_servers=broker.bootstrap))
        one = Fleet(broker, registry, opensearch, index_prefix, database, tmp_path)
        try:
            yield one
        finally:
            one.close()


@pytest.fixture
def sent(fleet, registry):
    """How many damaged records each topic holds."""
    counts = {}
    with ExitStack() as held:
        known = held.enter_context(Registry(RegistrySettings(url=registry.url)))
        kafka = KafkaSettings(bootstrap_servers=fleet.broker.bootstrap)
        producer = held.enter_context(Producer(kafka, client_id="test"))
        for topic, event in whole():
            number = known.id_of(topic, codec.definition(topic))
            records = [Outgoing(topic, frame(number, value), b"c") for value in damaged(topic, event)]
            producer.publish(records)
            counts[topic] = len(records)
    return counts


def test_row_09_no_consumer_ends_of_a_damaged_record_and_none_tells_a_plate(fleet, sent):
    *readers, keeper = READERS
    for module in READERS:
        fleet.start(module)
    for module in (*readers, keeper):
        until(lambda module=module: fleet.caught_up(module), 120, f"{module} has read all")
    for module in READERS:
        assert MARK not in fleet.log(module), module
        assert MARK not in fleet.shown(module), module
    letters = fleet.letters()
    assert len(letters) > sent[topics.PLATES] / 4
    for letter, headers in letters:
        assert MARK not in letter["error_message"]
        assert MARK not in (letter["error_stack_trace"] or "")
        assert not [name for name, value in headers if MARK.encode() in value]
    with psycopg.connect(fleet.dsn) as connection:
        kept = connection.execute("SELECT reason, fingerprint, kind, consumer FROM dead_letters").fetchall()
        rows = connection.execute("SELECT count(*) FROM plate_events").fetchone()
    assert len(kept) == len({letter["dlq_id"] for letter, _ in letters})
    assert rows > (0,)
    assert MARK not in str(kept)
