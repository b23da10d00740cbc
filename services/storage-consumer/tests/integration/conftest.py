"""Whole storage consumers as processes, on a real broker and registry, with what they store and bury."""

import io
import os
import signal
import subprocess
import sys
import time
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
from alpr_testing.readings import reading
from alpr_testing.waiting import until

NOW = datetime.now(UTC).replace(microsecond=0)
PARTITIONS = 3


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
    processes: list = field(default_factory=list)

    def begin(self):
        """From now on: what other tests left in the topics is not ours."""
        self.kafka = KafkaSettings(bootstrap_servers=self.broker.bootstrap)
        kafka_topics.apply(self.kafka)
        self.registry = Registry(RegistrySettings(url=self.registry_url))
        self.schema_id = self.registry.id_of(topics.PLATES, codec.definition(topics.PLATES))
        self.producer = Producer(self.kafka, client_id="test")
        ends = {t.name: self.ends(t.name, t.partitions) for t in kafka_topics.ALL}
        self.letters_from = ends[topics.DEAD_LETTERS]
        with psycopg.connect(self.dsn) as connection:
            for topic, offsets in ends.items():
                for part, at in offsets.items():
                    connection.execute(
                        "INSERT INTO kafka_offsets (grp, topic, part, next) VALUES (%s, %s, %s, %s)",
                        (self.group, topic, part, at),
                    )

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
        first = len(self.sent) + len(self.poison) + 1
        records = []
        for n in range(first, first + count):
            event = reading(
                n, at=NOW - timedelta(hours=2) + timedelta(milliseconds=n), camera_id=f"c{n % 7}", boot_id=self.boot
            )
            value = frame(self.schema_id, codec.encode(event))
            if n - first in poison:
                value = value[:40] + b"\xff\x00" + str(n).encode()
                self.poison.add(value)
            else:
                self.sent.add(UUID(event.event_id))
            records.append(
                Outgoing(topics.PLATES, value, key=event.camera_id.encode(), timestamp_ms=int(time.time() * 1000))
            )
        self.producer.publish(records)

    def start(self, instance="one", **more):
        environment = {
            **os.environ, "KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap, "SCHEMA_REGISTRY_URL": self.registry_url,
            "ALPR_DATABASE_URL": self.dsn, "KAFKA_GROUP_ID": self.group, "KAFKA_INSTANCE_ID": instance,
            "METRICS_PORT": "0", "BATCH_RECORDS": "200", "SESSION_TIMEOUT_S": "6", **more,
        }  # fmt: skip
        log = (self.folder / f"{instance}.log").open("ab")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "alpr_storage_consumer"], env=environment, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def log(self):
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def stored(self):
        with psycopg.connect(self.dsn) as connection:
            return [row[0] for row in connection.execute("SELECT event_id FROM plate_events")]

    def stored_all(self):
        try:
            return len(self.stored()) >= len(self.sent)
        except psycopg.Error:
            return False

    def wait(self, within_s=60):
        until(self.stored_all, within_s, f"all {len(self.sent)} events: {self.log()[-1500:]}")

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
    found = Path(broker, registry.url, database, tmp_path)
    found.begin()
    yield found
    found.close()
