"""The process as it is deployed: killed, stopped, asked how it is."""

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from alpr_kafka.dead_letters import DeadLetters
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.records import DeadLetterKind, Place, Record, Refused
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_schemas import topics
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(broker, registry, database):
    return {
        **os.environ, "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "SCHEMA_REGISTRY_URL": registry.url,
        "ALPR_DATABASE_URL": database, "KAFKA_GROUP_ID": f"g-{uuid.uuid4().hex}", "KAFKA_INSTANCE_ID": "one",
        "DLQ_TOPIC": broker.create_topic(), "METRICS_PORT": str(free_port()), "ALPR_DLQ_CENSUS_EVERY_S": "0.2",
        "SESSION_TIMEOUT_S": "6",
    }  # fmt: skip


@pytest.fixture
def sent(environment):
    """Sends letters that say the records of these offsets were refused."""
    kafka = KafkaSettings(bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"])
    with (
        Registry(RegistrySettings(url=environment["SCHEMA_REGISTRY_URL"])) as schemas,
        Producer(kafka, client_id="test") as producer,
    ):
        letters = DeadLetters(
            producer, schemas, consumer="storage", group="alpr-storage-consumer", topic=environment["DLQ_TOPIC"]
        )

        def send(*offsets):
            place = Place(topics.PLATES, 0)
            records = [Record(topics.PLATES, b"bad %d" % n, place, n, b"gate") for n in offsets]
            letters.send([Refused(r, DeadLetterKind.BUSINESS_LOGIC, "cloned agent id") for r in records])

        yield send


@contextmanager
def running(environment, **more):
    process = subprocess.Popen([sys.executable, "-m", "alpr_dlq_consumer"], env={**environment, **more})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kept(environment):
    with psycopg.connect(environment["ALPR_DATABASE_URL"]) as connection:
        return connection.execute("SELECT original_offset FROM dead_letters ORDER BY 1").fetchall()


def asked(environment, path):
    try:
        return httpx.get(f"http://127.0.0.1:{environment['METRICS_PORT']}{path}", timeout=2)
    except httpx.HTTPError:
        return httpx.Response(599)


def test_letters_are_kept_and_counted(environment, sent):
    sent(1, 2, 3)
    with running(environment):
        until(lambda: len(kept(environment)) == 3, 60, "the letters are kept")
        until(lambda: asked(environment, "/ready").status_code == 200, 10, "it is ready")
        line = 'alpr_dlq_letters{consumer="storage",state="new"} 3.0'
        until(lambda: line in asked(environment, "/metrics").text, 10, "the census is taken")
        said = asked(environment, "/metrics").text
        assert 'alpr_dlq_received_total{consumer="storage",kind="BUSINESS_LOGIC"} 3.0' in said
        assert "alpr_consumer_lag_records" in said


def test_row_09_what_is_no_letter_is_kept_byte_for_byte_beside_the_letters(environment, sent):
    poison = [b"", b"\0", b"\xff no letter", b"\0\0\0\xff\xff of no schema", b"\0\0\0\0\1" + bytes(range(256))]
    sent(1, 2)
    with Producer(
        KafkaSettings(bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"]), client_id="test"
    ) as producer:
        headers = (("__connect.errors.exception.message", b"\0\xff"), ("\0", b""))
        producer.publish([Outgoing(environment["DLQ_TOPIC"], value, b"\0", headers) for value in poison])
    sent(3)
    with running(environment):
        until(lambda: len(kept(environment)) == 3 + len(poison), 60, "all are kept")
    with psycopg.connect(environment["ALPR_DATABASE_URL"]) as connection:
        odd = connection.execute("SELECT payload FROM dead_letters WHERE form = 'envelope'").fetchall()
        good = connection.execute(
            "SELECT original_offset FROM dead_letters WHERE form = 'record' ORDER BY 1"
        ).fetchall()
    assert sorted(bytes(payload) for (payload,) in odd) == sorted(poison)
    assert good == [(1,), (2,), (3,)]


def test_row_20_it_ends_within_five_seconds_of_sigterm_under_load(environment, sent):
    sent(*range(2000))
    with running(environment, BATCH_RECORDS="20") as process:
        until(lambda: len(kept(environment)) > 100, 60, "it works")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 5
    with running(environment):
        until(lambda: len(kept(environment)) >= 2000, 60, "the letters are kept")
    assert kept(environment) == [(n,) for n in range(2000)]


def test_it_ends_though_no_broker_answers(environment, sent, broker):
    sent(*range(3))
    with running(environment) as process:
        until(lambda: len(kept(environment)) == 3, 60, "the letters are kept")
        broker.pause()
        try:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            broker.resume()


def test_row_21_the_whole_topic_read_again_adds_no_letter(environment, sent):
    sent(*range(50))
    with running(environment) as process:
        until(lambda: len(kept(environment)) == 50, 60, "the letters are kept")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with psycopg.connect(environment["ALPR_DATABASE_URL"]) as connection:
        assert connection.execute("UPDATE kafka_offsets SET next = 0 WHERE next = 50").rowcount == 1
    sent(50)
    with running(environment):
        until(lambda: len(kept(environment)) >= 51, 60, "the letter behind them is kept")
    assert kept(environment) == [(n,) for n in range(51)]


@pytest.mark.parametrize("failpoint", ["after_insert", "after_commit"])
def test_row_10_a_kill_at_a_failpoint_loses_no_letter_and_doubles_none(environment, sent, failpoint):
    sent(*range(20))
    with running(environment, ALPR_FAILPOINT=failpoint) as process:
        assert process.wait(60) == -signal.SIGKILL
    assert len(kept(environment)) == (0 if failpoint == "after_insert" else 20)
    sent(*range(15, 25))
    with running(environment):
        until(lambda: len(kept(environment)) >= 25, 60, "the letters are kept")
    assert kept(environment) == [(n,) for n in range(25)]


def test_row_11_an_outage_of_the_database_is_told_and_waited_out(environment, sent):
    sent(1)
    away = {"ALPR_DATABASE_URL": "host=127.0.0.1 port=1 connect_timeout=1"}
    with running(environment, **away):
        until(lambda: "database" in asked(environment, "/ready").text, 30, "it says why it is not ready")
        assert asked(environment, "/ready").status_code == 503
        assert asked(environment, "/health").status_code == 200
    with running(environment):
        until(lambda: len(kept(environment)) == 1, 60, "the letter is kept")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"ALPR_DLQ_OPEN_DAYS": "0"}, "ALPR_DLQ_OPEN_DAYS"), ({"ALPR_DATABASE_URL": ""}, "ALPR_DATABASE_URL")],
)
def test_wrong_setting_is_named_and_ends_the_process(environment, wrong, said):
    told = {k: v for k, v in {**environment, **wrong}.items() if v}
    done = subprocess.run(
        [sys.executable, "-m", "alpr_dlq_consumer"], env=told, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert said in done.stdout
