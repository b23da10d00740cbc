"""The service as a process on real servers: killed after a bulk request, stopped under load, told what is wrong."""

import io
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import fastavro
import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from alpr_kafka import topics as kafka_topics
from alpr_kafka.decoding import frame
from alpr_kafka.letters import retry_topic
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_schemas import codec, topics
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)


@pytest.fixture
def group(broker):
    """A group that begins where the topics end now: what other tests left in them is not ours."""
    name = f"g-{uuid4().hex}"
    kafka_topics.apply(KafkaSettings(bootstrap_servers=broker.bootstrap))
    client = Consumer({**broker.plain(), "group.id": name, "enable.auto.commit": False})
    places = [TopicPartition(t, n) for t in (topics.PLATES, retry_topic("indexer")) for n in range(3)]
    ends = [client.get_watermark_offsets(place, timeout=20)[1] for place in places]
    told = [TopicPartition(p.topic, p.partition, end) for p, end in zip(places, ends, strict=True)]
    client.commit(offsets=told, asynchronous=False)
    client.close()
    return name


@pytest.fixture
def send(broker, registry):
    """Sends events as an agent does: framed, by camera."""
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap)
    with Registry(RegistrySettings(url=registry.url)) as known, Producer(kafka, client_id="test") as producer:
        number = known.id_of(topics.PLATES, codec.definition(topics.PLATES))

        def publish(events):
            records = []
            for event in events:
                out = io.BytesIO()
                fastavro.schemaless_writer(out, codec.schema(topics.PLATES), event)
                value = frame(number, out.getvalue())
                records.append(Outgoing(topics.PLATES, value, event["camera_id"].encode(), (), int(time.time() * 1000)))
            producer.publish(records)

        yield publish


@pytest.fixture
def environment(broker, registry, engine_url, names, database, group, tmp_path):
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "SCHEMA_REGISTRY_URL": registry.url, "KAFKA_GROUP_ID": group,
        "KAFKA_INSTANCE_ID": group, "OPENSEARCH_HOSTS": engine_url, "OPENSEARCH_INDEX_PREFIX": names.prefix,
        "OPENSEARCH_BULK_SIZE": "50", "BATCH_RECORDS": "100", "ALPR_DATABASE_URL": database,
        "METRICS_PORT": str(free_port()), "RECONCILE_EVERY": "1s", "RECONCILE_SETTLE": "1s",
        "SESSION_TIMEOUT_S": "6",
        "ALPR_IMAGES_URL": f"file://{tmp_path}/pictures",
    }  # fmt: skip


@contextmanager
def process(environment, tmp_path, **more):
    with (tmp_path / "indexer.log").open("ab") as log:
        one = subprocess.Popen(
            [sys.executable, "-m", "alpr_search_indexer"], env={**environment, **more}, stdout=log, stderr=log
        )
        try:
            yield one
        finally:
            one.kill()
            one.wait(10)


def page(environment, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{environment['METRICS_PORT']}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.read().decode()
    except OSError:
        return 0, ""


def made(event, count, first=0):
    return [event(n, START + timedelta(milliseconds=n)) for n in range(first, first + count)]


def ids(events):
    return {e["event_id"] for e in events}


def test_row_10_killed_after_a_bulk_request_and_before_its_offsets_it_loses_and_doubles_nothing(
    environment, tmp_path, send, event, held
):
    events = made(event, 1500)
    send(events)
    for point in ("after_bulk:1", "after_bulk:4"):
        with process(environment, tmp_path, ALPR_FAILPOINT=point) as killed:
            assert killed.wait(60) == -signal.SIGKILL
    assert 0 < len(held()) < 1500
    with process(environment, tmp_path):
        until(lambda: len(held()) == 1500, 60, "all events")
    assert held() == ids(events)


def test_row_20_told_to_stop_under_load_it_ends_within_five_seconds(environment, tmp_path, send, event, held):
    events = made(event, 4000)
    send(events)
    with process(environment, tmp_path) as stopped:
        until(lambda: len(held()) > 100, 60, "the first events")
        began = time.monotonic()
        stopped.terminate()
        assert stopped.wait(20) == 0
        assert time.monotonic() - began < 5
    with process(environment, tmp_path):
        until(lambda: len(held()) == 4000, 60, "all events")
    assert held() == ids(events)


def test_row_21_the_whole_topic_read_again_writes_no_document(
    environment, tmp_path, send, event, held, broker, group, engine, names
):
    events = made(event, 1000)
    send([*events, {**event(99, START), "captured_at": "2099-01-01T00:00:00+00:00"}])
    beginning = offsets(broker, group)
    with process(environment, tmp_path) as first:
        until(lambda: len(held()) == 1000, 60, "all events")
        until(lambda: consumed(environment) == 1001, 30, "the refused one too")
        first.terminate()
        assert first.wait(20) == 0
    written = last_write(engine, names)
    begin_again(broker, group, beginning)
    with process(environment, tmp_path):
        until(lambda: consumed(environment) == 1001, 60, "it is read again")
    assert held() == ids(events)
    assert last_write(engine, names) == written


def consumed(environment):
    found = re.search(
        r"^elasticsearch_consumer_messages_consumed_total (\S+)", page(environment, "/metrics")[1], re.MULTILINE
    )
    return float(found[1]) if found else 0


def last_write(engine, names):
    """The number of the last write that the indices have known, by index and shard."""
    indices = engine.ask("GET", f"/{names.prefix}*/_stats/indexing", level="shards")["indices"]
    return {
        (index, shard): [copy["seq_no"]["max_seq_no"] for copy in copies]
        for index, told in indices.items() for shard, copies in told["shards"].items()
    }  # fmt: skip


def offsets(broker, group):
    client, found = Consumer({**broker.plain(), "group.id": group, "enable.auto.commit": False}), []

    def told():  # the coordinator of a new group has to be found first
        try:
            found[:] = client.committed([TopicPartition(topics.PLATES, n) for n in range(3)], timeout=20)
        except KafkaException:
            return False
        return True

    try:
        until(told, 60, "the group's offsets")
        return found
    finally:
        client.close()


def begin_again(broker, group, beginning):
    client = Consumer({**broker.plain(), "group.id": group, "enable.auto.commit": False})

    def moved():  # not while the static member that ended is still a member to Kafka
        try:
            return not any(place.error for place in client.commit(offsets=beginning, asynchronous=False))
        except KafkaException:
            return False

    try:
        until(moved, 60, "the session of the ended member is over")
    finally:
        client.close()


def test_it_tells_what_it_does_and_drives_what_the_index_lacks(environment, tmp_path, send, event, held, store_rows):
    stored = made(event, 50, first=5000)
    store_rows(stored, created_at=START)
    sent = made(event, 100)
    send(sent)
    with process(environment, tmp_path):
        until(lambda: held() == ids([*stored, *sent]), 60, "all events, those of the database too")
        until(lambda: page(environment, "/ready")[0] == 200, 20, "ready")
        assert page(environment, "/health")[0] == 200
        told = page(environment, "/metrics")[1]
    for line in (
        'alpr_indexer_documents_total{outcome="indexed"}', "alpr_reconcile_driven_documents_total 50.0",
        "elasticsearch_consumer_messages_consumed_total 100.0", "elasticsearch_consumer_opensearch_available 1.0",
        'alpr_event_age_seconds_bucket{le="0.01",stage="indexed"}', "alpr_consumer_lag_records",
    ):  # fmt: skip
        assert line in told
    assert "AB12" not in told


def test_a_search_engine_that_is_away_at_the_start_is_waited_for(environment, tmp_path):
    with process(environment, tmp_path, OPENSEARCH_HOSTS=f"http://127.0.0.1:{free_port()}"):
        until(lambda: "OPENSEARCH_HOSTS" in page(environment, "/ready")[1], 30, "not ready, and why")
        assert page(environment, "/health")[0] == 200


def test_a_wrong_setting_ends_it_with_its_name(environment, tmp_path):
    with process(environment, tmp_path, OPENSEARCH_KEEP="long") as ended:
        assert ended.wait(30) == 2
    assert "24h" in (tmp_path / "indexer.log").read_text()


def test_no_plate_and_no_password_is_in_its_log(environment, tmp_path, send, event, held):
    events = made(event, 50)
    send([*events, {**event(99, START), "captured_at": "2099-01-01T00:00:00+00:00"}])
    with process(environment, tmp_path):
        until(lambda: len(held()) == 50, 60, "all events")
        until(lambda: "record_refused" in (tmp_path / "indexer.log").read_text(), 30, "the refused one is told")
    log = (tmp_path / "indexer.log").read_text()
    assert not [e for e in events if e["plate"]["text"] in log]
