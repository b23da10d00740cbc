"""Dead letters: what a consumer refused, with its bytes as they were, told to Kafka before the offset moves on."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import fastavro
import structlog

from alpr_kafka.decoding import frame
from alpr_kafka.letters import RETRIED, fingerprint
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.records import Record, Refused
from alpr_kafka.registry import Registry
from alpr_schemas import codec, topics

log = structlog.get_logger(__name__)
_SPACE: Final = uuid.UUID("6f1a3c1e-6f53-5f0e-8a57-0c9b8f5a7d11")
_SHOWN_BYTES = 2000
_CONNECT, _OURS = "__connect.errors.", "alpr.dlq."


class DeadLetters:
    """Sends refused records of one consumer to the topic of dead letters.

    Args:
        consumer: its short name: storage, indexer, metrics.
        fields_of: what of a record may stand in the letter's metadata, such as its event_id; {} where it is unreadable.
    """

    def __init__(
        self,
        producer: Producer,
        registry: Registry,
        *,
        consumer: str,
        group: str,
        topic: str = topics.DEAD_LETTERS,
        fields_of: Callable[[Record], dict[str, str]] = lambda _: {},
    ) -> None:
        self._producer = producer
        self._registry = registry
        self._consumer = consumer
        self._group = group
        self._topic = topic
        self._fields_of = fields_of

    def send(self, refused: Sequence[Refused]) -> None:
        """Returns when all are acknowledged. Raises Unavailable, Misdeployed."""
        if not refused:
            return
        schema_id = self._registry.id_of(topics.DEAD_LETTERS, codec.definition(topics.DEAD_LETTERS))
        now = datetime.now(UTC)
        self._producer.publish([self._outgoing(one, schema_id, now) for one in refused])
        for one in refused:
            place = one.record.place
            log.warning(
                "record_refused",
                topic=one.record.topic,
                partition=place.partition if place else None,
                offset=one.record.offset,
                kind=one.kind.value,
                reason=one.reason,
            )

    def _outgoing(self, refused: Refused, schema_id: int, now: datetime) -> Outgoing:
        letter = letter_of(refused, self._group, self._fields_of(refused.record), now)
        out = io.BytesIO()
        fastavro.schemaless_writer(out, codec.schema(topics.DEAD_LETTERS), letter)
        return Outgoing(
            self._topic,
            frame(schema_id, out.getvalue()),
            key=refused.record.topic.encode(),
            headers=self._headers(refused, letter),
        )

    def _headers(self, refused: Refused, letter: dict[str, Any]) -> tuple[tuple[str, bytes], ...]:
        record = refused.record
        told = {
            f"{_CONNECT}topic": record.place.topic if record.place else record.topic,
            f"{_CONNECT}partition": str(letter["original_partition"]),
            f"{_CONNECT}offset": str(record.offset),
            f"{_CONNECT}connector.name": self._group,
            f"{_CONNECT}stage": "VALUE_CONVERTER" if refused.kind == "SCHEMA_VALIDATION" else "TASK_PUT",
            f"{_CONNECT}exception.class.name": refused.kind.value,
            f"{_CONNECT}exception.message": refused.reason,
            f"{_OURS}id": letter["dlq_id"],
            f"{_OURS}consumer": self._consumer,
            f"{_OURS}fingerprint": fingerprint(self._group, refused.kind, refused.reason),
            f"{_OURS}first_failed_at": letter["timestamp"],
            f"{_OURS}attempts": str(record.retried),
        }
        kept = tuple(pair for pair in record.headers if pair[0] == "traceparent")
        return (*((name, value.encode()) for name, value in told.items()), *kept)


def letter_of(refused: Refused, group: str, metadata: dict[str, str], now: datetime) -> dict[str, Any]:
    """The fields of the DLQMessage; the same record refused again by the same group gets the same id."""
    record = refused.record
    place = record.place
    where = f"{group}/{place.topic}/{place.partition}/{record.offset}" if place else f"{group}/{record.topic}"
    return {
        "dlq_id": str(uuid.uuid5(_SPACE, where)) if place else str(uuid.uuid4()),
        "timestamp": now.isoformat(timespec="microseconds"),
        "original_topic": record.topic,
        "original_partition": place.partition if place else -1,
        "original_offset": record.offset,
        "original_key": record.key.decode("utf-8", "replace") if record.key is not None else None,
        "original_message": record.value[:_SHOWN_BYTES].decode("utf-8", "replace"),
        "consumer_group_id": group,
        "error_type": refused.kind.value,
        "error_message": refused.reason,
        "error_stack_trace": None,
        "retry_count": record.retried,
        "metadata": metadata,
        "original_value": record.value,
        "original_key_bytes": record.key,
        "original_headers": [{"name": name, "value": value} for name, value in record.headers if name != RETRIED],
    }
