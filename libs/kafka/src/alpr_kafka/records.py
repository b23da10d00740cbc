"""What a transport hands over, and what becomes of it where it can never succeed. Data alone.

Named tuples where each record makes one: they are made and hashed in half the time of frozen dataclasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class DeadLetterKind(StrEnum):
    """Why a record is dead: the symbols of `DLQErrorType`."""

    SCHEMA_VALIDATION = "SCHEMA_VALIDATION"
    PROCESSING_FAILURE = "PROCESSING_FAILURE"
    TIMEOUT = "TIMEOUT"
    BUSINESS_LOGIC = "BUSINESS_LOGIC"
    UNKNOWN = "UNKNOWN"


class Place(NamedTuple):
    """A partition."""

    topic: str
    partition: int


class Record(NamedTuple):
    """A record, whichever way it came.

    Attributes:
        topic: the topic whose schema it has; for a record that is tried again, its original one.
        value: from Kafka as on the wire (framed), from an outbox Avro without a frame.
        place: where it lies in Kafka, a retry topic's partition too; None from an outbox.
        offset: in `place`; -1 from an outbox.
        timestamp_ms: when the outbox took the event, as the producer says.
        retried: how often it was replayed from the dead letters.
    """

    topic: str
    value: bytes
    place: Place | None = None
    offset: int = -1
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that can never succeed as it is; `reason` is one sentence and holds no plate.

    Attributes:
        weighs: whether many such tell of a fault of ours, so that a flood of them stops the consumer.
    """

    record: Record
    kind: DeadLetterKind
    reason: str
    weighs: bool = True
