"""Letters back to Kafka: to the retry topic of the consumer that refused them, with their bytes, key and headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from alpr_dlq_consumer.consumers import retry_topic
from alpr_dlq_consumer.letter import FIRST_FAILED_AT, Form
from alpr_dlq_consumer.queries import Kept
from alpr_dlq_consumer.replay import Outcome
from alpr_kafka.letters import ORIGINAL_TOPIC, RETRIED
from alpr_kafka.producer import Acknowledged, Outgoing

LETTER: Final = "alpr.dlq.id"
_REPLACED = {ORIGINAL_TOPIC, RETRIED, LETTER, FIRST_FAILED_AT}
_WHY_NOT = {
    Form.PLAIN: "it was delivered on one machine, without Kafka: run alpr dlq replay there",
    Form.TEXT: "an old producer kept only a text of the record, not its bytes",
    Form.ENVELOPE: "the dead letter itself could not be read",
}


class Sending(Protocol):
    """What is used of the kit's producer."""

    def send(self, record: Outgoing, done: Acknowledged) -> None:
        """Queue a record; `done` is called from `poll`."""

    def poll(self, within_s: float) -> int:
        """Serve acknowledgements."""

    def close(self) -> None:
        """Let go of the brokers."""


@dataclass
class _Acks:
    """Which letters of one page were acknowledged."""

    waiting: int
    accepted: set[int] = field(default_factory=set)
    failed: str | None = None

    def of(self, number: int) -> Acknowledged:
        def acknowledged(error: Exception | None) -> None:
            self.waiting -= 1
            if error is None:
                self.accepted.add(number)
            else:
                self.failed = f"letter {number} was not taken: {error}"

        return acknowledged


class KafkaRetries:
    """A Sender; its producer is opened with the first letter."""

    def __init__(self, open_producer: Callable[[], Sending], within_s: float = 45.0) -> None:
        self._open, self._within_s = open_producer, within_s
        self._producer: Sending | None = None

    def sendable(self, letter: Kept) -> str | None:
        """None where the letter's exact bytes are known and its consumer reads a retry topic."""
        if letter.form != Form.RECORD:
            return _WHY_NOT[Form(letter.form)]
        if retry_topic(letter.consumer) is None:
            return f"no consumer {letter.consumer} reads a retry topic"
        return None

    def send(self, letters: Sequence[Kept]) -> Outcome:
        """Publish all; one that is not acknowledged in time may yet arrive: the ids absorb that it is sent again."""
        acks = _Acks(len(letters))
        self._producer = producer = self._producer or self._open()
        for letter in letters:
            producer.send(_outgoing(letter), acks.of(letter.id))
        until = time.monotonic() + self._within_s
        while acks.waiting and time.monotonic() < until:
            producer.poll(0.05)
        if acks.waiting and acks.failed is None:
            acks.failed = f"{acks.waiting} letters were not acknowledged within {self._within_s:.0f} s"
        return Outcome(frozenset(acks.accepted), failed=acks.failed)

    def close(self) -> None:
        """Let go of the brokers; each page was waited for."""
        if self._producer is not None:
            self._producer.close()


def _outgoing(letter: Kept) -> Outgoing:
    """The time of sending is now: by the record's own, a topic's retention might delete it at once."""
    return Outgoing(str(retry_topic(letter.consumer)), letter.payload, letter.original_key, retry_headers(letter))


def retry_headers(letter: Kept) -> tuple[tuple[str, bytes], ...]:
    """The record's own headers, and which topic it is of, how often it was replayed, since when, by which letter."""
    kept = tuple((name, value) for name, value in letter.original_headers() if name not in _REPLACED)
    return (
        *kept,
        (ORIGINAL_TOPIC, letter.topic.encode()),
        (RETRIED, str(letter.attempts + 1).encode()),
        (LETTER, letter.dlq_id.encode()),
        (FIRST_FAILED_AT, letter.first_failed_at.isoformat().encode()),
    )
