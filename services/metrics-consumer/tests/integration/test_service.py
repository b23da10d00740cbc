"""The process as it is deployed, on a real broker and registry."""

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from confluent_kafka import Consumer as Client

from alpr_kafka import topics as kafka_topics
from alpr_kafka.decoding import FramedDecoder, frame
from alpr_kafka.letters import ORIGINAL_TOPIC, RETRIED, retry_topic
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.records import Record
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_schemas import codec, topics
from alpr_schemas.events import MetricEvent, MetricType
from alpr_schemas.identity import iso
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def kafka(broker):
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap)
    kafka_topics.apply(settings)
    return settings


@pytest.fixture
def schemas(registry):
    with Registry(RegistrySettings(url=registry.url)) as asked:
        yield asked


@pytest.fixture
def environment(broker, registry):
    return {
        **os.environ, "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "SCHEMA_REGISTRY_URL": registry.url,
        "KAFKA_GROUP_ID": f"g-{uuid.uuid4().hex}", "KAFKA_INSTANCE_ID": "one", "DLQ_TOPIC": broker.create_topic(),
        "METRICS_PORT": str(free_port()), "SESSION_TIMEOUT_S": "6",
        "DLQ_MAX_SHARE": "1", "DLQ_MAX_IN_A_ROW": "100000",  # what other tests left in the topic is not ours to judge
    }  # fmt: skip


@pytest.fixture
def send(kafka, schemas):
    number = schemas.id_of(topics.METRICS, codec.definition(topics.METRICS))
    with Producer(kafka, client_id="test") as producer:

        def sending(*values, topic=topics.METRICS, headers=()):
            framed = [frame(number, codec.encode(v)) if isinstance(v, MetricEvent) else v for v in values]
            producer.publish([Outgoing(topic, value, b"host", headers) for value in framed])

        yield sending


@pytest.fixture
def host():
    return f"host-{uuid.uuid4().hex}"


def figure(host, value, name="fps", at=None):
    return MetricEvent(
        metric_id=str(uuid.uuid4()), timestamp=iso(at or datetime.now(UTC)), host_id=host, site_id="north",
        metric_type=MetricType.FPS, metric_name=name, value=value, unit="1/s",
    )  # fmt: skip


@contextmanager
def running(environment):
    process = subprocess.Popen([sys.executable, "-m", "alpr_metrics_consumer"], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def scraped(environment):
    try:
        return httpx.get(f"http://127.0.0.1:{environment['METRICS_PORT']}/metrics", timeout=2).text
    except httpx.HTTPError:
        return ""


def line(host, value, name="fps"):
    return f'alpr_host_metric{{host="{host}",metric_type="FPS",name="{name}",site="north"}} {value}'


def letters(environment, schemas, count):
    """`count` dead letters of the test's own topic, decoded."""
    client = Client(
        {"bootstrap.servers": environment["KAFKA_BOOTSTRAP_SERVERS"], "group.id": uuid.uuid4().hex,
         "auto.offset.reset": "earliest"}
    )  # fmt: skip
    client.subscribe([environment["DLQ_TOPIC"]])
    found = []

    def enough():
        message = client.poll(0.2)
        if message is not None and message.error() is None:
            record = Record(topics.DEAD_LETTERS, message.value())
            found.append(FramedDecoder(schemas.schema).decode(record))
        return len(found) >= count

    until(enough, 30, "dead letters")
    client.close()
    return found


def test_row_09_figures_reach_a_scrape_and_bad_bytes_beside_them_the_dead_letters(environment, send, schemas, host):
    bad = b"\xff not a figure " + host.encode()
    send(figure(host, 17.5), bad, figure(host, 0.25, "gpu.util"))
    with running(environment):
        until(lambda: line(host, 0.25, "gpu.util") in scraped(environment), 60, "the figures are shown")
        said = scraped(environment)
        assert line(host, 17.5) in said
        assert "metrics_consumer_messages_consumed_total" in said
        ours = [one for one in letters(environment, schemas, 1) if one["original_value"] == bad]
        assert [one["consumer_group_id"] for one in ours] == [environment["KAFKA_GROUP_ID"]]
        send(figure(host, 18.5))
        until(lambda: line(host, 18.5) in scraped(environment), 30, "the later figure is shown")


def test_row_20_it_ends_within_five_seconds_of_sigterm_under_load_and_misses_no_figure(environment, send, host):
    environment = {**environment, "BATCH_RECORDS": "20"}
    send(*(figure(f"{host}-{n % 10}", float(n), "load") for n in range(3000)))
    with running(environment) as process:
        until(lambda: f'host="{host}-' in scraped(environment), 60, "it works")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 5
    send(*(figure(f"{host}-{n}", n + 0.5, "later") for n in range(10)))
    with running(environment):
        wanted = {line(f"{host}-{n}", n + 0.5, "later") for n in range(10)}
        until(lambda: wanted <= set(scraped(environment).splitlines()), 60, "what came after is shown")


def test_backlog_is_read_and_not_shown_as_current(environment, send, host):
    send(figure(host, 1.0, at=datetime.now(UTC) - timedelta(hours=3)), figure(host, 2.0, "other"))
    with running(environment):
        until(lambda: line(host, 2.0, "other") in scraped(environment), 60, "the new figure is shown")
        assert f'host="{host}",metric_type="FPS",name="fps"' not in scraped(environment)


def test_figure_that_was_replayed_comes_by_the_retry_topic(environment, send, host):
    send(
        figure(host, 3.0), topic=retry_topic("metrics"),
        headers=((ORIGINAL_TOPIC, topics.METRICS.encode()), (RETRIED, b"1")),
    )  # fmt: skip
    with running(environment):
        until(lambda: line(host, 3.0) in scraped(environment), 60, "the replayed figure is shown")
