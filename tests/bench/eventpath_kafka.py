"""The storage consumer from Kafka to its commit, in one process; beside it the consumer of the old design.

The old one polls a record, decodes it, inserts its row, commits, and lets Kafka's client commit offsets by itself; its
table has the old columns and the old five indexes. It leaves out what the old one lost time with besides (a pool's
checkout, models), so the ratio is the batches' alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import confluent_kafka
import psycopg
from psycopg import sql

from alpr_kafka.consumer import Consumer
from alpr_kafka.decoding import Decoder, FramedDecoder, frame
from alpr_kafka.handling import Bury, Handler, Prepared
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.records import Place, Record, Refused
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings
from alpr_schemas import codec, topics
from alpr_storage_consumer.batches import Work
from alpr_storage_consumer.handler import StorageHandler
from alpr_storage_consumer.settings import StorageSettings
from alpr_storage_consumer.store import Store

_WAITED_S = 120.0
_OLD = """
CREATE TABLE IF NOT EXISTS old_plate_events (
    event_id uuid NOT NULL, captured_at timestamptz NOT NULL, camera_id varchar(50) NOT NULL,
    track_id varchar(50) NOT NULL, plate_text varchar(20) NOT NULL, plate_normalized_text varchar(20) NOT NULL,
    plate_confidence float NOT NULL, plate_region varchar(10), vehicle_type varchar(20), vehicle_make varchar(50),
    vehicle_model varchar(50), vehicle_color varchar(30), plate_image_url text, vehicle_image_url text,
    frame_image_url text, latency_ms int, quality_score float, frame_number int, site_id varchar(50),
    host_id varchar(100), roi varchar(50), direction varchar(20), created_at timestamptz DEFAULT now(),
    PRIMARY KEY (event_id, captured_at));
CREATE INDEX IF NOT EXISTS old_plate ON old_plate_events (plate_normalized_text, captured_at DESC);
CREATE INDEX IF NOT EXISTS old_camera ON old_plate_events (camera_id, captured_at DESC);
CREATE INDEX IF NOT EXISTS old_site ON old_plate_events (site_id, captured_at DESC);
CREATE INDEX IF NOT EXISTS old_track ON old_plate_events (track_id);
CREATE INDEX IF NOT EXISTS old_time ON old_plate_events (captured_at DESC);
"""
_OLD_COLUMNS = (
    "event_id", "captured_at", "camera_id", "track_id", "plate_text", "plate_normalized_text", "plate_confidence",
    "plate_region", "vehicle_type", "vehicle_make", "vehicle_model", "vehicle_color", "plate_image_url",
    "vehicle_image_url", "frame_image_url", "latency_ms", "quality_score", "frame_number", "site_id", "host_id", "roi",
    "direction",
)  # fmt: skip


class Topic:
    """The topic of readings, filled once and read as often as wanted, each time by a new group."""

    def __init__(self, kafka: KafkaSettings, registry: Registry) -> None:
        self.kafka = kafka
        self.decoder: Decoder = FramedDecoder(registry.schema)
        self._schema_id = registry.id_of(topics.PLATES, codec.definition(topics.PLATES))
        self._runs = 0

    def fill(self, records: Sequence[Record]) -> None:
        """Send `records` as an agent does: framed, by camera."""
        with Producer(self.kafka, client_id="bench") as producer:
            for at in range(0, len(records), 10_000):
                part = records[at : at + 10_000]
                producer.publish([
                    Outgoing(record.topic, frame(self._schema_id, record.value), record.key or b"") for record in part
                ])  # fmt: skip

    def group(self) -> str:
        """A name that nobody had."""
        self._runs += 1
        return f"bench-{self._runs}-{time.time_ns()}"

    def consumed(self, dsn: str, count: int, group: str) -> float:
        """Store all `count` records by the service's own consumer; seconds from the first records to the last commit."""
        watched = _Watched(StorageHandler(Store(dsn, group), self.decoder), count)
        settings = StorageSettings(KAFKA_GROUP_ID=group, KAFKA_INSTANCE_ID=group)
        Consumer(settings, self.kafka, watched, _no_letters).run(watched.done)
        return watched.took_s

    def row_at_a_time(self, dsn: str, count: int) -> float:
        """Store `count` records as the old design did; seconds from the first record to the last commit."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_OLD)
            connection.execute("TRUNCATE old_plate_events")
        statement = sql.SQL("INSERT INTO old_plate_events ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
            sql.SQL(", ").join(map(sql.Identifier, _OLD_COLUMNS)),
            sql.SQL(", ").join([sql.Placeholder()] * len(_OLD_COLUMNS)),
        )
        told = {**self.kafka.client(), "group.id": self.group(), "auto.offset.reset": "earliest"}
        client = confluent_kafka.Consumer(told)
        client.subscribe([topics.PLATES])
        try:
            with psycopg.connect(dsn) as connection:
                return _one_by_one(client, connection, statement, self.decoder, count)
        finally:
            client.close()


class _Watched(Handler[Work]):
    """The handler, and a watch: from the first records to the commit after which all is written."""

    def __init__(self, handler: StorageHandler, count: int) -> None:
        self._handler = handler
        self._left = count
        self.topics, self.keeps_offsets = (topics.PLATES,), True
        self.done = threading.Event()
        self._began = self.took_s = 0.0

    def prepare(self, records: Sequence[Record]) -> Prepared[Work]:
        self._began = self._began or time.perf_counter()
        return self._handler.prepare(records)

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:
        return self._handler.claim(places)

    def write(self, prepared: Prepared[Work], next_offsets: Mapping[Place, int], bury: Bury) -> None:
        self._handler.write(prepared, next_offsets, bury)
        self._left -= prepared.records
        if self._left <= 0:
            self.took_s = time.perf_counter() - self._began
            self.done.set()

    def close(self) -> None:
        self._handler.close()


def _one_by_one(
    client: confluent_kafka.Consumer,
    connection: psycopg.Connection[Any],
    statement: sql.Composed,
    decoder: Decoder,
    count: int,
) -> float:
    began, done, until = 0.0, 0, time.monotonic() + _WAITED_S
    while done < count:
        message = client.poll(0.5)
        if message is None or message.error():
            if time.monotonic() > until:
                raise TimeoutError(f"{done} of {count} records came")
            continue
        began = began or time.perf_counter()
        value = message.value()
        event = decoder.decode(Record(topics.PLATES, value if isinstance(value, bytes) else b""))
        connection.execute(statement, _values(event))
        connection.commit()
        done += 1
    return time.perf_counter() - began


def _values(event: Mapping[str, Any]) -> tuple[object, ...]:
    plate, vehicle, images, extras = (event[name] for name in ("plate", "vehicle", "images", "extras"))
    return (
        event["event_id"], event["captured_at"], event["camera_id"], event["track_id"], *plate.values(),
        *vehicle.values(), *images.values(), event["latency_ms"], extras["quality_score"], extras["frame_number"],
        event["node"]["site"], event["node"]["host"], extras["roi"], extras["direction"],
    )  # fmt: skip


def _no_letters(refused: Sequence[Refused]) -> None:
    if refused:
        raise AssertionError(f"{len(refused)} good records were refused: {refused[0].reason}")
