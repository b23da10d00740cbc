"""Letters back to Kafka: to the retry topic of the consumer that refused them, with their bytes, key and headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from alpr_dlq_consumer.consumers import retry_topic
from alpr_dlq_consumer.letter import Form
from alpr_dlq_consumer.queries import Kept
from alpr_dlq_consumer.replay import Outcome
from alpr_kafka.letters import ORIGINAL_TOPIC, RETRIED

LETTER = "alpr.dlq.id"
_REPLACED = {ORIGINAL_TOPIC, RETRIED, LETTER}
_WHY_NOT = {
    Form.PLAIN: "it was delivered on one machine, without Kafka: run alpr dlq replay there",
    Form.TEXT: "an old producer kept only a text of the record, not its bytes",
    Form.ENVELOPE: "the dead letter itself could not be read",
}


class Producer(Protocol):
    """What is used of confluent_kafka.Producer."""

    def produce(self, topic: str, **record: Any) -> None:
        """Queue a record; BufferError where there is no room."""

    def poll(self, timeout: float) -> int:
        """Serve acknowledgements."""

    def flush(self, timeout: float) -> int:
        """Wait for all of them; how many are still missing."""


@dataclass
class _Acks:
    """Which letters of one page were acknowledged."""

    accepted: set[int] = field(default_factory=set)
    failed: str | None = None

    def of(self, number: int) -> Callable[[Any, Any], None]:
        def acknowledged(error: Any, _: Any) -> None:
            if error is None:
                self.accepted.add(number)
            else:
                self.failed = f"the broker did not take letter {number}: {error.str()}"

        return acknowledged


class KafkaRetries:
    """A Sender. The producer must be idempotent and wait for all replicas; it is opened with the first letter."""

    def __init__(self, open_producer: Callable[[], Producer], within_s: float = 30.0) -> None:
        self._open, self._within_s = open_producer, within_s
        self._producer: Producer | None = None

    def sendable(self, letter: Kept) -> str | None:
        """None where the letter's exact bytes are known and its consumer reads a retry topic."""
        if letter.form != Form.RECORD:
            return _WHY_NOT[Form(letter.form)]
        if retry_topic(letter.consumer) is None:
            return f"no consumer {letter.consumer} reads a retry topic"
        return None

    def send(self, letters: Sequence[Kept]) -> Outcome:
        """Publish all; one that is not acknowledged in time may yet arrive: the ids absorb that it is sent again."""
        acks = _Acks()
        self._producer = producer = self._producer or self._open()
        for letter in letters:
            _produce(producer, letter, acks)
        missing = producer.flush(self._within_s)
        if missing and acks.failed is None:
            acks.failed = f"{missing} letters were not acknowledged within {self._within_s:.0f} s; is the broker up?"
        return Outcome(frozenset(acks.accepted), failed=acks.failed)

    def close(self) -> None:
        """Nothing is left: each page was waited for."""


def _produce(producer: Producer, letter: Kept, acks: _Acks) -> None:
    record = {
        "value": letter.payload, "key": letter.original_key, "headers": retry_headers(letter),
        "on_delivery": acks.of(letter.id),
    }  # fmt: skip
    while True:
        try:
            producer.produce(str(retry_topic(letter.consumer)), **record)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def retry_headers(letter: Kept) -> list[tuple[str, bytes]]:
    """The record's own headers, and which topic it is of, how often it was replayed, and by which letter."""
    kept = [(name, value) for name, value in letter.original_headers() if name not in _REPLACED]
    return [
        *kept,
        (ORIGINAL_TOPIC, letter.topic.encode()),
        (RETRIED, str(letter.attempts + 1).encode()),
        (LETTER, letter.dlq_id.encode()),
    ]
