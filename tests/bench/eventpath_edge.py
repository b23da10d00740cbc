"""The edge's share of the event path: a backlog's drain, the cost of an enqueue, bytes on the wire, memory."""

from __future__ import annotations

import gc
import io
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import confluent_kafka
import fastavro

from alpr_edge_agent.agent.delivery import deliver_batch
from alpr_edge_agent.outbox import Outbox
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.publish.kafka import KafkaPublisher
from alpr_kafka.decoding import frame
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_schemas import codec, topics
from alpr_schemas.events import Images, PlateEvent
from alpr_testing.event_load import Street
from alpr_testing.waiting import until

BACKLOG, EVENT_BYTES = 864_000, 300
_PUT_AT_ONCE = 2000
_BOOT = "b" * 36
_OLD_FIELDS = {
    "event_id", "captured_at", "camera_id", "track_id", "plate", "vehicle", "images", "latency_ms", "node", "extras",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drain:
    """What became of a backlog; `on_wire` are the bytes that left, an event."""

    events: int
    took_s: float
    acknowledged: int
    payload_bytes: float
    on_wire: float


@dataclass(slots=True)
class Enqueue:
    """Seconds, of each try."""

    put: list[float] = field(default_factory=list)
    fdatasync: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median by median."""
        return statistics.median(self.put) / statistics.median(self.fdatasync)


def trimmed(event: PlateEvent, size: int = EVENT_BYTES) -> PlateEvent:
    """The event at about `size` bytes: one picture, no candidates, and a digest that carries what there is room for."""
    bare = event.model_copy(update={
        "candidates": (), "images": Images(plate_url=event.images.plate_url), "first_seen_at": None,
        "agent_id": "n-1", "boot_id": _BOOT, "seq": 1_000,
    })  # fmt: skip
    lacking = size - len(codec.encode(bare))
    return bare.model_copy(update={"detector_digest": os.urandom(max(0, lacking) // 2).hex()})


def filled(path: Path, events: int) -> float:
    """An outbox with `events` readings; the mean size of their payloads, bytes."""
    street = Street("n-1", "bench", 7)
    box = Outbox.open(path, agent_id="n-1", max_bytes=4 << 30)
    for at in range(0, events, _PUT_AT_ONCE):
        box.put([trimmed(street.reading()) for _ in range(min(_PUT_AT_ONCE, events - at))])
    box.close()
    with closing(sqlite3.connect(path)) as reader:
        count, mean = reader.execute("SELECT count(*), avg(length(payload)) FROM outbox").fetchone()
    if count != events:
        raise RuntimeError(f"{count} of {events} events are in the outbox")
    return float(mean)


def backlog(folder: Path, bootstrap: str, registry_url: str, events: int = BACKLOG) -> Drain:
    """Drain a full outbox to the brokers' acknowledgement."""
    payload = filled(folder / "outbox.db", events)
    settings, told = KafkaSettings(bootstrap_servers=bootstrap), []
    before = _ends(settings)
    more = {"statistics.interval.ms": 500, "stats_cb": lambda text: told.append(json.loads(text))}
    reader = OutboxReader(folder / "outbox.db")
    with Registry(RegistrySettings(url=registry_url)) as registry, Producer(settings, client_id="b", more=more) as line:
        publisher = KafkaPublisher(line, registry)
        publisher.warm_up()
        began = time.perf_counter()
        while deliver_batch(reader, publisher):
            pass
        took = time.perf_counter() - began
        until(
            lambda: line.poll(0.2) >= 0 and bool(told) and told[-1]["txmsgs"] >= events, 10, "the client's statistics"
        )
    reader.close()
    return Drain(events, took, _ends(settings) - before, payload, told[-1]["tx_bytes"] / events)


def old_wire(bootstrap: str, events: int) -> float:
    """Bytes an event on the wire with the old schema: the same readings without the fields that are new."""
    given = codec.definition(topics.PLATES)
    given = given | {"fields": [field for field in given["fields"] if field["name"] in _OLD_FIELDS]}
    schema, street, told, batch = fastavro.parse_schema(given), Street("n-1", "bench", 7), [], []
    settings = KafkaSettings(bootstrap_servers=bootstrap)
    more = {"statistics.interval.ms": 500, "stats_cb": lambda text: told.append(json.loads(text))}
    with Producer(settings, client_id="old", more=more) as line:
        for _ in range(events):
            event = trimmed(street.reading())
            out = io.BytesIO()
            fastavro.schemaless_writer(out, schema, event.model_dump(mode="json", include=_OLD_FIELDS))
            batch.append(Outgoing(topics.PLATES, frame(1, out.getvalue()), event.camera_id.encode()))
        line.publish(batch)
        until(
            lambda: line.poll(0.2) >= 0 and bool(told) and told[-1]["txmsgs"] >= events, 10, "the client's statistics"
        )
    return float(told[-1]["tx_bytes"]) / events


def _ends(settings: KafkaSettings) -> int:
    client = confluent_kafka.Consumer({**settings.client(), "group.id": "bench-ends"})
    try:
        known = client.list_topics(topics.PLATES, timeout=10).topics[topics.PLATES].partitions
        places = [confluent_kafka.TopicPartition(topics.PLATES, part) for part in known]
        return sum(client.get_watermark_offsets(place, timeout=10)[1] for place in places)
    finally:
        client.close()


def enqueue(folder: Path, tries: int = 2000) -> Enqueue:
    """One durable `put`, and one fdatasync of the same bytes on the same file system, in turns."""
    found, street = Enqueue(), Street("n-1", "bench", 7)
    box = Outbox.open(folder / "enqueue.db", agent_id="n-1", max_bytes=1 << 30)
    size = len(codec.encode(street.reading()))
    with (folder / "plain").open("wb", buffering=0) as plain:
        gc.disable()
        for number in range(tries + 50):
            event = street.reading()
            began = time.perf_counter()
            box.put([event])
            put = time.perf_counter() - began
            began = time.perf_counter()
            plain.write(os.urandom(size))
            os.fdatasync(plain.fileno())
            sync = time.perf_counter() - began
            if number >= 50:
                found.put.append(put)
                found.fdatasync.append(sync)
        gc.enable()
    box.close()
    return found


def delivery_memory(folder: Path, bootstrap: str, registry_url: str) -> tuple[float, float]:
    """(RSS, what it shares with nobody) of an idle delivery in a process of its own, MiB."""
    path = folder / "idle.db"
    box = Outbox.open(path, agent_id="n-1", max_bytes=1 << 30)
    box.put([Street("n-1", "bench", 7).reading()])
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "SCHEMA_REGISTRY_URL": registry_url}
    command = [sys.executable, "-m", "alpr_testing.event_sender", str(path), "n-1"]
    with subprocess.Popen(command, env=environment) as process:
        reader = OutboxReader(path)
        until(lambda: reader.backlog().events == 0, 30, "the delivery works")
        time.sleep(2)
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        process.terminate()
        reader.close()
    box.close()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:] if line.endswith("kB")}
    return kib["Rss"] / 1024, (kib["Private_Clean"] + kib["Private_Dirty"]) / 1024
