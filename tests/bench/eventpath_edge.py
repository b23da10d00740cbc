"""The edge's share of the event path: a backlog's drain, the cost of an enqueue, bytes on the wire, memory."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import confluent_kafka

from alpr_edge_agent.agent.delivery import deliver_batch
from alpr_edge_agent.outbox import Outbox
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.outbox.schema import connect, now_ms
from alpr_edge_agent.publish.kafka import KafkaPublisher
from alpr_kafka.producer import Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_schemas import codec, topics
from alpr_schemas.events import PlateEvent
from alpr_testing.event_load import Street
from alpr_testing.waiting import until

BACKLOG, EVENT_BYTES = 864_000, 300


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


def trimmed(event: PlateEvent, size: int = EVENT_BYTES) -> bytes:
    """The event's bytes at about `size`: candidates and digests carry what there is room for."""
    bare = event.model_copy(update={"candidates": (), "agent_id": "n-1", "boot_id": "b" * 36, "seq": 1})
    lacking = size - len(codec.encode(bare))
    return codec.encode(bare.model_copy(update={"detector_digest": os.urandom(max(0, lacking) // 2).hex()}))


def filled(path: Path, events: int) -> float:
    """An outbox with `events` readings, put in by one transaction; the mean size of their payloads, bytes."""
    street, boot, size = Street("n-1", "bench", 7), "b" * 36, 0
    box = connect(path)
    box.execute("BEGIN")
    for number in range(events):
        event = street.reading()
        payload = trimmed(event)
        size += len(payload)
        box.execute(
            "INSERT INTO outbox (event_id, topic, key, payload, agent_id, boot_id, seq, traceparent, created_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (bytes.fromhex(event.event_id.replace("-", "")), topics.PLATES, event.camera_id, payload, "n-1", boot,
             number + 1, None, now_ms()),
        )  # fmt: skip
    box.execute("COMMIT")
    box.close()
    return size / events


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
        until(lambda: line.poll(0.2) >= 0 and told and told[-1]["txmsgs"] >= events, 10, "the client's statistics")
    reader.close()
    return Drain(events, took, _ends(settings) - before, payload, told[-1]["tx_bytes"] / events)


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
