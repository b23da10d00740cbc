"""Whole storage consumers as processes, on a real broker and registry, with what they store and bury."""

import io
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import fastavro
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from alpr_kafka import topics as kafka_topics
from alpr_kafka.decoding import frame
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_schemas import codec, topics
from alpr_storage_consumer.migrate import migrate
from alpr_testing.ports import free_port
from alpr_testing.readings import reading
from alpr_testing.waiting import until

NOW = datetime.now(UTC).replace(microsecond=0)
_WITNESS = """
CREATE TABLE witness (
    at serial, tx bigint DEFAULT txid_current(), who text DEFAULT current_user, topic text, part int, claimed boolean);
CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO witness (topic, part, claimed) VALUES (new.topic, new.part, new.epoch <> old.epoch);
    RETURN new; END $$;
CREATE TRIGGER witnessed AFTER UPDATE ON kafka_offsets FOR EACH ROW EXECUTE FUNCTION witness();
ALTER TABLE plate_events ADD COLUMN tx bigint DEFAULT txid_current();
"""


@dataclass
class Path:
    """A broker with its topics, and a database: what one test sends, stores and buries."""

    broker: object
    registry_url: str
    dsn: str
    folder: object
    group: str = field(default_factory=lambda: f"g-{uuid4().hex[:8]}")
    boot: str = field(default_factory=lambda: uuid4().hex)
    sent: set = field(default_factory=set)
    poison: set = field(default_factory=set)
    number: int = 0
    witnessed: bool = False
    processes: list = field(default_factory=list)

    def begin(self):
        """From now on: what other tests left in the topics is not ours."""
        self.kafka = KafkaSettings(bootstrap_servers=self.broker.bootstrap)
        kafka_topics.apply(self.kafka)
        self.registry = Registry(RegistrySettings(url=self.registry_url))
        self.schema_id = self.registry.id_of(topics.PLATES, codec.definition(topics.PLATES))
        self.producer = Producer(self.kafka, client_id="test")
        self.starts = {t.name: self.ends(t.name, t.partitions) for t in kafka_topics.ALL}
        self.letters_from = self.starts[topics.DEAD_LETTERS]
        self.rewind()

    def rewind(self):
        """The whole topic is to be read again: its first record is the test's first."""
        with psycopg.connect(self.dsn) as connection:
            for topic, offsets in self.starts.items():
                for part, at in offsets.items():
                    connection.execute(
                        "INSERT INTO kafka_offsets (grp, topic, part, next) VALUES (%s, %s, %s, %s)"
                        " ON CONFLICT (grp, topic, part) DO UPDATE SET next = excluded.next",
                        (self.group, topic, part, at),
                    )

    def witness(self):
        """From now on each consumer is a user of its own: the database notes who claims, and who writes what."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(_WITNESS)
        self.witnessed = True

    def dsn_of(self, instance):
        if not self.witnessed:
            return self.dsn
        with psycopg.connect(self.dsn) as connection:
            user = f"{instance}-{self.group}"
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,)).fetchone() is None:
                connection.execute(f'CREATE ROLE "{user}" LOGIN SUPERUSER')
        return self.dsn.replace("user=alpr", f"user={user}")

    def client(self):
        return Consumer({**self.broker.plain(), "group.id": "nobody", "enable.auto.commit": False})

    def ends(self, topic, partitions):
        client = self.client()
        try:
            places = [TopicPartition(topic, n) for n in range(partitions)]
            return {p.partition: client.get_watermark_offsets(p, timeout=20)[1] for p in places}
        finally:
            client.close()

    def send(self, count, poison=()):
        """`count` events of one agent, by camera over the partitions; those of `poison` have bytes that are no event."""
        values = []
        for n in range(count):
            event = self.event()
            value = frame(self.schema_id, codec.encode(event))
            if n in poison:
                value = value[:40] + b"\xff\x00" + str(n).encode()
                self.poison.add(value)
            else:
                self.sent.add(UUID(event.event_id))
            values.append((event.camera_id, value))
        self.publish(values)

    def send_events(self, *events):
        """These, which are to be stored."""
        self.sent |= {UUID(event.event_id) for event in events}
        self.publish([(event.camera_id, frame(self.schema_id, codec.encode(event))) for event in events])

    def send_poison(self, *values):
        """These bytes, which are to be dead letters; each to a camera of its own."""
        self.poison |= set(values)
        self.publish([(f"p{n}", value) for n, value in enumerate(values)])

    def event(self, at=None, **more):
        """The agent's next event, a millisecond after the one before."""
        self.number = n = self.number + 1
        at = at or NOW - timedelta(hours=2) + timedelta(milliseconds=n)
        return reading(n, at=at, **{"camera_id": f"c{n % 7}", "boot_id": self.boot, **more})

    def publish(self, values):
        now_ms = int(time.time() * 1000)
        self.producer.publish(
            [Outgoing(topics.PLATES, value, key=camera.encode(), timestamp_ms=now_ms) for camera, value in values]
        )

    def environment(self, instance="one", **more):
        """What a consumer is told."""
        return {
            **os.environ, "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap, "SCHEMA_REGISTRY_URL": self.registry_url,
            "ALPR_DATABASE_URL": self.dsn_of(instance), "KAFKA_GROUP_ID": self.group, "KAFKA_INSTANCE_ID": instance,
            "METRICS_PORT": "0", "BATCH_RECORDS": "200", "SESSION_TIMEOUT_S": "6", **more,
        }  # fmt: skip

    def start(self, instance="one", **more):
        command = [sys.executable, "-m", "alpr_storage_consumer"]
        with (self.folder / f"{instance}.log").open("ab") as log:
            process = subprocess.Popen(command, env=self.environment(instance, **more), stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def log(self, instance="*"):
        return "".join(path.read_text() for path in sorted(self.folder.glob(f"{instance}.log")))

    def metrics(self, port):
        """What a consumer shows on `port`: values by line, {} while it does not listen."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        return {
            found[1]: float(found[2]) for found in (re.fullmatch(r"([^#].*) (\S+)", line) for line in lines) if found
        }

    def stored(self):
        with psycopg.connect(self.dsn) as connection:
            return [row[0] for row in connection.execute("SELECT event_id FROM plate_events")]

    def stored_all(self):
        try:
            return len(self.stored()) >= len(self.sent)
        except psycopg.Error:
            return False

    def wait(self, within_s=60):
        try:
            until(self.stored_all, within_s, f"all {len(self.sent)} events")
        except TimeoutError as e:
            raise TimeoutError(f"{e}: {self.log()[-1500:]}") from None

    def assert_whole(self):
        """What is stored is what was sent, each once."""
        stored = self.stored()
        assert len(stored) == len(set(stored))
        assert set(stored) == self.sent

    def assert_buried(self):
        """What lies in the dead letters is the poison, byte for byte, each once."""
        until(lambda: len(self.letters()) >= len(self.poison), 30, "the letters")
        letters = list(self.letters().values())
        assert len(letters) == len(self.poison)
        assert {letter["original_value"] for letter in letters} == self.poison
        return letters

    def assert_no_stale_write(self):
        """Whoever moved a partition's offset had claimed it last; and no row came without such a move."""
        owners, stale = {}, []
        with psycopg.connect(self.dsn) as connection:
            for who, *place, claimed in connection.execute(
                "SELECT who, topic, part, claimed FROM witness ORDER BY at"
            ).fetchall():
                if claimed:
                    owners[tuple(place)] = who
                elif owners.get(tuple(place)) != who:
                    stale.append((who, place))
            strays = connection.execute(
                "SELECT count(*) FROM plate_events p WHERE NOT EXISTS (SELECT FROM witness w WHERE w.tx = p.tx)"
            ).fetchone()
        assert (stale, strays) == ([], (0,))
        return owners

    def proof(self):
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(
                "SELECT sum(seen_count), sum(missing_count), sum(dead_count) FROM agent_ledger_proof"
            ).fetchone()

    def letters(self):
        """The dead letters of this group since the test began: by identity, with their original bytes."""
        client, found = self.client(), {}
        try:
            ends = self.ends(topics.DEAD_LETTERS, 1)
            client.assign([TopicPartition(topics.DEAD_LETTERS, n, at) for n, at in self.letters_from.items()])
            for _ in range(sum(ends.values()) - sum(self.letters_from.values())):
                message = client.poll(20)
                letter = fastavro.schemaless_reader(
                    io.BytesIO(message.value()[5:]), codec.schema(topics.DEAD_LETTERS), None
                )
                if letter["consumer_group_id"] == self.group:
                    found[letter["dlq_id"]] = letter
        finally:
            client.close()
        return found

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.producer.close()
        self.registry.close()


@pytest.fixture
def path(broker, registry, database, tmp_path):
    """Broker, registry and a database of the test alone."""
    with opened(broker, registry, database, tmp_path) as found:
        yield found


@pytest.fixture
def own_path(broker, registry, own_postgres, tmp_path):
    """The same, with a server that a test may kill."""
    migrate(own_postgres.dsn)
    with opened(broker, registry, own_postgres.dsn, tmp_path) as found:
        yield found


@contextmanager
def opened(broker, registry, dsn, folder):
    found = Path(broker, registry.url, dsn, folder)
    found.begin()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def port():
    return free_port()
