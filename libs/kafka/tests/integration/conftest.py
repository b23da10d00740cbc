"""Handlers of tests, and consumers in threads."""

import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import contextmanager

import pytest
import structlog

from alpr_kafka.consumer import Consumer
from alpr_kafka.errors import Fenced, Unavailable
from alpr_kafka.handling import Prepared
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.records import DeadLetterKind, Place, Record, Refused
from alpr_kafka.settings import ConsumerSettings, KafkaSettings

log = structlog.get_logger(__name__)


class Memory:
    """A store that several handlers share: rows, offsets and epochs move together, as in a database."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.rows: list[bytes] = []
        self.next: dict[Place, int] = {}
        self.epochs: dict[Place, int] = {}
        self.away = False


class Keeper:
    """A handler that keeps values; one that begins with `bad` is refused."""

    keeps_offsets = True

    def __init__(self, topics: Sequence[str], memory: Memory) -> None:
        self.topics = topics
        self.memory = memory
        self.mine: dict[Place, int] = {}
        self.tries = 0

    def prepare(self, records: Sequence[Record]) -> Prepared[list[Record]]:
        bad = [r for r in records if r.value.startswith(b"bad")]
        refused = [Refused(r, DeadLetterKind.SCHEMA_VALIDATION, "it is bad") for r in bad]
        return Prepared([r for r in records if not r.value.startswith(b"bad")], len(records), refused)

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:
        memory = self.memory
        with memory.guard:
            if memory.away:
                raise Unavailable("the memory is away")
            for place in places:
                self.mine[place] = memory.epochs[place] = memory.epochs.get(place, 0) + 1
            return {place: memory.next[place] for place in places if place in memory.next}

    def write(self, prepared: Prepared[list[Record]], next_offsets: Mapping[Place, int], bury) -> None:
        memory = self.memory
        self.tries += 1
        with memory.guard:
            if memory.away:
                raise Unavailable("the memory is away")
            if any(memory.epochs[place] != self.mine[place] for place in next_offsets):
                raise Fenced("another has it")
            bury(prepared.refused)
            memory.rows += [r.value for r in prepared.work]
            memory.next.update(next_offsets)

    def close(self) -> None:
        pass


class Running:
    """A consumer in a thread."""

    def __init__(self, settings: ConsumerSettings, kafka: KafkaSettings, handler: Keeper, retries: str | None) -> None:
        self.handler = handler
        self.buried: list[Refused] = []
        self.error: BaseException | None = None
        self.ready: list[tuple[bool, str]] = []
        self.stop = threading.Event()
        self.consumer = Consumer(
            settings, kafka, handler, self.buried.extend, retries=retries, told=lambda *told: self.ready.append(told)
        )
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.consumer.run(self.stop)
        except BaseException as e:
            self.error = e
            log.exception("consumer_ended")


@pytest.fixture
def keeper():
    return Keeper


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def kafka(broker):
    return KafkaSettings(bootstrap_servers=broker.bootstrap)


@pytest.fixture
def send(kafka):
    with Producer(kafka, client_id="test") as producer:

        def publish(topic: str, values: Sequence[bytes], **more) -> None:
            producer.publish([Outgoing(topic, value, key=value[-1:], **more) for value in values])

        yield publish


@pytest.fixture
def consuming(kafka):
    group = f"g-{uuid.uuid4().hex}"
    running: list[Running] = []

    @contextmanager
    def consume(handler: Keeper, instance: str = "one", retries: str | None = None, **more):
        told = {"group_id": group, "instance_id": f"{group}-{instance}", "session_timeout_s": 6.0, **more}
        one = Running(ConsumerSettings(**told), kafka, handler, retries)
        running.append(one)
        one.thread.start()
        try:
            yield one
        finally:
            one.stop.set()
            one.thread.join(20)

    yield consume
    for one in running:
        one.stop.set()
        one.thread.join(20)
        assert not one.thread.is_alive()
