"""Sending: idempotent, compressed, and done only when every record is acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import structlog
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Librdkafka

from alpr_kafka.errors import Misdeployed, Unavailable
from alpr_kafka.seldom import Seldom
from alpr_kafka.settings import KafkaSettings

log = structlog.get_logger(__name__)
_POLL_S = 0.1
LETTER_BYTES: Final = 2 << 20
"""Room for the largest record of any topic with all that a dead letter, or a replay, adds to it."""
_NEVER = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "may not write to the topic; give its user the right",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "may not write idempotently; give its user IdempotentWrite",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "the topic does not exist; run `alpr topics apply`",
    KafkaError._UNKNOWN_TOPIC: "the topic does not exist; run `alpr topics apply`",  # noqa: SLF001 - its public name
    KafkaError.MSG_SIZE_TOO_LARGE: "the record is larger than the broker takes; raise message.max.bytes",
}
Acknowledged = Callable[[Exception | None], None]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send; `timestamp_ms` 0 lets the client take the time of sending."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = 0


class Producer:
    """Sends records; threads may share it.

    Args:
        linger_s: how long a record waits for company. In a batch records compress to a fraction.
        give_up_after_s: a record that is not acknowledged within it counts as failed; it may have arrived all the same.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        client_id: str,
        linger_s: float = 0.005,
        give_up_after_s: float = 30.0,
        more: dict[str, Any] | None = None,
    ) -> None:
        self._config = {
            **settings.client(),
            "client.id": client_id,
            "enable.idempotence": True,
            "compression.type": "zstd",
            "linger.ms": linger_s * 1000,
            "message.max.bytes": LETTER_BYTES,  # what a topic takes is for the topic to say
            "message.timeout.ms": int(give_up_after_s * 1000),
            "allow.auto.create.topics": False,
            "error_cb": self._failed,
            "log_level": 2,  # else it writes to stderr once more what the callback hears
            **(more or {}),
        }
        self._give_up_after_s = give_up_after_s
        self._guard = threading.Lock()
        self._client: Librdkafka | None = None
        self._fatal: str | None = None
        self._seldom = Seldom()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm_up(self, topics: Sequence[str], within_s: float = 10.0) -> None:
        """Learn who leads the partitions of `topics`, so that the first record need not wait. Raises Unavailable."""
        try:
            for topic in topics:
                self._open().list_topics(topic, timeout=within_s)
        except KafkaException as e:
            raise _translated(e.args[0]) from e

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Send `records`; returns when all are acknowledged. Blocks.

        Raises Unavailable when some were not (they may have arrived: the same again does no harm), or Misdeployed.
        """
        waiting = _Waiting(len(records))
        for record in records:
            self.send(record, waiting.told)
        self._serve(waiting)

    def send(self, record: Outgoing, done: Acknowledged) -> None:
        """Hand `record` to the client; `done` is called from `poll` or `publish`, with None or what went wrong."""
        client = self._open()

        def delivered(error: KafkaError | None, _: Message) -> None:
            done(None if error is None else _translated(error))

        while True:
            try:
                client.produce(
                    record.topic,
                    record.value,
                    key=record.key,
                    headers=list(record.headers) or None,
                    timestamp=record.timestamp_ms,
                    on_delivery=delivered,
                )
            except BufferError:
                client.poll(_POLL_S)  # the client's own queue is full: acknowledgements make room
                continue
            except KafkaException as e:
                done(_translated(e.args[0]))
            return

    def poll(self, within_s: float = 0.0) -> int:
        """Hear of acknowledgements; waits for the first, `within_s` at most. How many callbacks ran."""
        return int(self._open().poll(within_s))

    def close(self) -> None:
        """Let go of the brokers; what was not acknowledged is given up."""
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.purge()
            client.flush(1.0)

    def _open(self) -> Librdkafka:
        with self._guard:
            if self._fatal is not None and self._client is not None:
                log.error("producer_rebuilt", reason=self._fatal)
                self._client.purge()
                self._client.flush(1.0)
                self._client = self._fatal = None
            if self._client is None:
                self._client = Librdkafka(self._config)
            return self._client

    def _failed(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error.str()
        if error.fatal() or self._seldom.due(error.name()):
            log.warning("kafka_producer", error=error.name(), detail=error.str())

    def _serve(self, waiting: _Waiting) -> None:
        until = time.monotonic() + self._give_up_after_s + 10
        while waiting.left:
            self._open().poll(_POLL_S)
            if waiting.left and time.monotonic() > until:
                raise Unavailable("Kafka: no answer; are the brokers up?")
        if waiting.error is not None:
            raise waiting.error


class _Waiting:
    """Counts acknowledgements; keeps the gravest error."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.error: Exception | None = None
        self._guard = threading.Lock()

    def told(self, error: Exception | None) -> None:
        with self._guard:
            self.left -= 1
            if error is not None and not isinstance(self.error, Misdeployed):
                self.error = error


def _translated(error: KafkaError) -> Exception:
    fix = _NEVER.get(error.code())
    if fix is not None:
        return Misdeployed(f"Kafka: {error.name()}: {fix}")
    return Unavailable(f"Kafka: {error.name()}; are the brokers up, and is KAFKA_BOOTSTRAP_SERVERS right?")
