from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from alpr_edge_agent.agent.delivery import deliver_events
from alpr_edge_agent.outbox import Outbox, SpooledImage
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.pipeline.main import Backends, run_pipeline
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_edge_agent.pipeline.status import CameraHealth, PipelineStatus, read_status
from alpr_edge_agent.publish.kafka import KafkaPublisher
from alpr_kafka.decoding import FramedDecoder
from alpr_kafka.errors import Undecodable
from alpr_kafka.producer import Producer
from alpr_kafka.records import Record
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_kafka.topics import apply
from alpr_schemas import codec, topics
from alpr_schemas.events import PlateEvent, VehicleEvent
from alpr_schemas.resources import CameraState
from alpr_testing.event_load import Street, put_witness, witnessed
from alpr_testing.waiting import until


@dataclass
class Station:
    """A node's folder and what happens in it."""

    folder: Path
    backends: Backends
    settings: dict[str, Any] = field(default_factory=dict)

    def once(self) -> int:
        return run_pipeline(self._settings(once=True), threading.Event(), self.backends)

    @contextmanager
    def running(self) -> Iterator[threading.Event]:
        stop = threading.Event()
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(run_pipeline(self._settings(), stop, self.backends)))
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join(10)
        assert codes == [0]

    def _settings(self, **more: Any) -> PipelineSettings:
        return PipelineSettings(**{"data": self.folder, "metrics_port": 0, **self.settings, **more})

    def plates(self) -> list[PlateEvent]:
        return [event for event in self._events(topics.PLATES) if isinstance(event, PlateEvent)]

    def vehicles(self) -> list[VehicleEvent]:
        return [event for event in self._events(topics.VEHICLES) if isinstance(event, VehicleEvent)]

    def _events(self, topic: str) -> list[Any]:
        if not (self.folder / "outbox.db").exists():
            return []
        reader = OutboxReader(self.folder / "outbox.db")
        try:
            return [codec.decode(row.topic, row.payload) for row in reader.peek(10_000) if row.topic == topic]
        finally:
            reader.close()

    def images(self) -> list[SpooledImage]:
        reader = OutboxReader(self.folder / "outbox.db")
        try:
            return reader.images(10_000)
        finally:
            reader.close()

    def status(self) -> PipelineStatus:
        return read_status(self.folder / "pipeline-status.json")

    def camera(self, name: str) -> CameraHealth:
        return next(camera for camera in self.status().cameras if camera.name == name)

    def reaches(self, name: str, state: CameraState) -> bool:
        try:
            return self.camera(name).state is state
        except (StopIteration, OSError):
            return False


@pytest.fixture
def station(tmp_path: Path, detector: Any, reader: Any) -> Station:
    backends = Backends(open_detector=lambda _: detector, open_recognizer=lambda _: reader)
    (tmp_path / "node").mkdir()
    return Station(tmp_path / "node", backends)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record that lies in Kafka."""

    event_id: str
    seq: int
    topic: str
    key: bytes
    timestamp_ms: int


class Delivery:
    """A node's way out: its outbox, its processes, and what of it lies in Kafka.

    Attributes:
        agent: its id, of this test alone.
    """

    def __init__(self, folder: Path, kafka: KafkaSettings, registry_url: str) -> None:
        self.agent = f"n-{uuid.uuid4().hex[:8]}"
        self.path = folder / "outbox.db"
        self.kafka = kafka
        self.schemas = Registry(RegistrySettings(url=registry_url, cache_folder=folder / "schemas"))
        self._registry_url = registry_url
        self._processes: list[subprocess.Popen[bytes]] = []

    def box(self, **more: Any) -> Outbox:
        return Outbox.open(self.path, **{"agent_id": self.agent, "max_bytes": 1 << 30, **more})

    def fill(self, box: Outbox, vehicles: int, *, clock_s: float = 0.0) -> list[str]:
        """Put that many vehicles; the ids of their events."""
        street = Street(self.agent, box.boot_id, 7, clock_s)
        events = [event for _ in range(vehicles) for event in street.pass_by()]
        for event in events:
            box.put([event])
        return [event.event_id for event in events]

    @contextmanager
    def reader(self) -> Iterator[OutboxReader]:
        reader = OutboxReader(self.path)
        try:
            yield reader
        finally:
            reader.close()

    def waiting(self) -> int:
        with self.reader() as reader:
            return reader.backlog().events + len(reader.tombstones())

    def committed(self) -> list[str]:
        """The ids of all events that the outbox ever took, in order; after `put_witness`."""
        return [str(event.event_id) for event in witnessed(self.path)]

    @contextmanager
    def publisher(self, kafka: KafkaSettings | None = None, **more: Any) -> Iterator[KafkaPublisher]:
        with Producer(kafka or self.kafka, client_id=self.agent, **more) as producer:
            yield KafkaPublisher(producer, self.schemas)

    @contextmanager
    def delivering(self, publisher: KafkaPublisher) -> Iterator[threading.Thread]:
        """The agent's own loop, as long as the block."""
        stop = threading.Event()
        reader = OutboxReader(self.path)
        told = {"site": "north", "host": self.agent}
        thread = threading.Thread(target=deliver_events, args=(reader, publisher, stop), kwargs=told)
        thread.start()
        try:
            yield thread
        finally:
            stop.set()
            thread.join(40)
            reader.close()

    def load(self, failpoint: str = "", rate: float = 200, **more: Any) -> subprocess.Popen[bytes]:
        """The pipeline's process, which puts invented events; the witness notes them."""
        put_witness(self.path)
        arguments = ["alpr_testing.event_load", str(self.path), self.agent, "--rate", str(rate)]
        return self._started(arguments, {"ALPR_FAILPOINT": failpoint}, **more)

    def send(self, failpoint: str = "", address: str = "") -> subprocess.Popen[bytes]:
        """The agent's process, which delivers."""
        told = {"KAFKA_BOOTSTRAP_SERVERS": address or self.kafka.bootstrap_servers}
        told |= {"SCHEMA_REGISTRY_URL": self._registry_url, "ALPR_FAILPOINT": failpoint}
        return self._started(["alpr_testing.event_sender", str(self.path), self.agent], told)

    def _started(self, arguments: list[str], told: dict[str, str], **more: Any) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", *arguments], env={**os.environ, **told}, **more)
        self._processes.append(process)
        return process

    def deliver(self) -> None:
        """Deliver all that waits."""
        with self.publisher() as publisher, self.delivering(publisher):
            self.drained()

    def drained(self, within_s: float = 60) -> None:
        until(lambda: self.waiting() == 0, within_s, "the outbox is empty")

    def arrived(self, names: Sequence[str] = (topics.PLATES, topics.VEHICLES)) -> list[Arrived]:
        """This agent's events in Kafka, each as often as it lies there."""
        found = []
        for message, event in self._decoded(names):
            if event["agent_id"] == self.agent:
                place = (message.topic(), message.key(), message.timestamp()[1])
                found.append(Arrived(event["event_id"], event["seq"], *place))
        return found

    def _decoded(self, names: Sequence[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Messages of all tests with this broker. Poison of others is passed over: what we sent is compared by id."""
        decoder = FramedDecoder(self.schemas.schema)
        for message in _messages(self.kafka, names):
            try:
                event = decoder.decode(Record(message.topic(), message.value()))
            except Undecodable:
                continue
            yield message, event

    def ids(self) -> list[str]:
        """The ids of what lies in Kafka, sorted, each as often as it does."""
        return sorted(one.event_id for one in self.arrived())

    def told_lost(self) -> list[dict[str, str]]:
        """The tags of this agent's tombstones in Kafka."""
        tags = [metric["tags"] for _, metric in self._decoded((topics.METRICS,))]
        return [told for told in tags if told.get("agent_id") == self.agent]

    def close(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait(10)
        self.schemas.close()


def _messages(settings: KafkaSettings, names: Sequence[str]) -> list[Any]:
    told = {**settings.client(), "group.id": uuid.uuid4().hex, "enable.partition.eof": True}
    consumer = confluent_kafka.Consumer({**told, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    found, ended = [], 0
    try:
        known = consumer.list_topics(timeout=10).topics
        places = [confluent_kafka.TopicPartition(name, part, 0) for name in names for part in known[name].partitions]
        consumer.assign(places)
        while ended < len(places):
            for message in consumer.consume(1000, 1.0):
                if message.error():
                    ended += 1
                else:
                    found.append(message)
    finally:
        consumer.close()
    return found


@pytest.fixture(scope="session")
def kafka(broker: Any) -> KafkaSettings:
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap)
    apply(settings)
    return settings


@pytest.fixture
def node(kafka: KafkaSettings, registry: Any, tmp_path: Path) -> Iterator[Delivery]:
    delivery = Delivery(tmp_path, kafka, registry.url)
    yield delivery
    delivery.close()
