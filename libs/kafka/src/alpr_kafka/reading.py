"""What a consumer polls: messages by batches, and the records in them."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import confluent_kafka
import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from alpr_kafka.errors import Misdeployed
from alpr_kafka.letters import ORIGINAL_TOPIC, RETRIED
from alpr_kafka.records import Place, Record
from alpr_kafka.settings import ConsumerSettings

log = structlog.get_logger(__name__)


class Reader:
    """Polls `client`; by one thread, in which librdkafka calls back what it gives and takes."""

    def __init__(self, client: confluent_kafka.Consumer, settings: ConsumerSettings, retry_topic: str | None) -> None:
        self._client = client
        self._settings = settings
        self._retry_topic = retry_topic
        self._spilled: list[Message] = []
        self._places: dict[tuple[str, int], Place] = {}

    def collected(self, wait_s: float) -> list[Message]:
        """A batch: the first message that comes within `wait_s`, and what is there with it."""
        messages, self._spilled = self._spilled, []
        if not messages:
            first = self._client.poll(wait_s)
            if first is None or not _usable(first):
                return []
            messages = [first]
        settings, size = self._settings, sum(len(m.value() or b"") for m in messages)
        until = time.monotonic() + settings.batch_wait_s
        while len(messages) < settings.batch_records and size < settings.batch_bytes and time.monotonic() < until:
            more = [m for m in self._client.consume(settings.batch_records - len(messages), 0) if _usable(m)]
            if not more:
                break
            messages += more
            size += sum(len(m.value() or b"") for m in more)
        return messages

    def serve(self, wait_s: float) -> None:
        """Poll while no batch is wanted: Kafka must know that we live. What comes is the beginning of the next one."""
        message = self._client.poll(wait_s)
        if message is not None and _usable(message):
            self._spilled.append(message)

    def forget(self) -> None:
        """What `serve` kept is not ours any more."""
        self._spilled = []

    def records(self, messages: Sequence[Message]) -> list[Record]:
        """`messages` as handlers take them; those of the retry topic under the topic that they came from."""
        return [self._record(message) for message in messages]

    def _record(self, message: Message) -> Record:
        topic, partition = message.topic() or "", message.partition() or 0
        pairs = _pairs(message)
        headers = tuple((str(name), _bytes(value) or b"") for name, value in pairs) if pairs else ()
        original, retried = topic, 0
        if topic == self._retry_topic:
            told = dict(headers)
            original = told.get(ORIGINAL_TOPIC, topic.encode()).decode("utf-8", "replace")
            count = told.get(RETRIED, b"1").decode("ascii", "replace")
            retried = int(count) if count.isdecimal() else 1
        place = self._places.get((topic, partition))
        if place is None:
            place = self._places[topic, partition] = Place(topic, partition)
        value, offset, at = message.value(), message.offset(), message.timestamp()[1]
        return Record(original, _bytes(value) or b"", place, offset or 0, _bytes(message.key()), headers, at, retried)


def _usable(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.fatal():
        raise KafkaException(error)
    if error.code() in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}:
        raise Misdeployed(f"Kafka: {error.name()}; give the consumer's user the right to read")
    log.warning("kafka_consumer", error=error.name(), detail=error.str())
    return False


def _pairs(message: Message) -> Collection[tuple[str, str | bytes | None]]:
    headers = message.headers() or []
    return headers.items() if isinstance(headers, dict) else headers


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
