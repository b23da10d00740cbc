"""A dead letter as the table keeps it, and how one is read out of a record of `alpr.dlq`: pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from alpr_dlq_consumer.consumers import short_name
from alpr_kafka.letters import fingerprint
from alpr_kafka.records import DeadLetterKind, Record

Headers = tuple[tuple[str, bytes], ...]

REASON_CHARACTERS, NAME_CHARACTERS = 2000, 249  # Kafka's own limit for a topic's name
UNREADABLE = "the dead letter itself cannot be read"
FIRST_FAILED_AT = "alpr.dlq.first_failed_at"
_KEPT_METADATA = ("event_id", "camera_id", "site_id", "host_id")


class Form(StrEnum):
    """What the bytes of a letter are."""

    PLAIN = "plain"  # Avro without a frame, from an outbox of this machine
    RECORD = "record"  # exactly as they were in Kafka
    TEXT = "text"  # an old producer kept only a text of the record
    ENVELOPE = "envelope"  # the dead letter itself, which nobody could read


@dataclass(frozen=True, slots=True)
class Letter:
    """What is kept of a record that a consumer refused.

    Attributes:
        consumer: who refused it, by its short name.
        kind: a symbol of the schema's DLQErrorType.
        attempts: how often it had been replayed before this failure.
    """

    dlq_id: str
    form: Form
    topic: str
    payload: bytes
    consumer: str
    kind: str
    reason: str
    fingerprint: str
    partition: int | None
    offset: int | None
    key: bytes | None
    headers: Headers
    metadata: Mapping[str, str]
    traceparent: str | None
    first_failed_at: datetime
    attempts: int


def read_letter(record: Record, envelope: Mapping[str, Any], now: datetime) -> Letter:
    """The letter in a decoded DLQMessage; `record` carried it."""
    carried = dict(record.headers)
    original = _headers(envelope.get("original_headers"))
    value = envelope.get("original_value")
    form = Form.RECORD if value is not None else Form.TEXT
    group = _name(envelope["consumer_group_id"])
    kind, reason = str(envelope["error_type"]), _text(envelope["error_message"], REASON_CHARACTERS)
    return Letter(
        dlq_id=_name(envelope["dlq_id"]) or identity_of(record),
        form=form,
        topic=_name(envelope["original_topic"]),
        payload=value if value is not None else str(envelope["original_message"]).encode(),
        consumer=_header_text(carried, "alpr.dlq.consumer") or short_name(group),
        kind=kind,
        reason=reason,
        fingerprint=_header_text(carried, "alpr.dlq.fingerprint") or fingerprint(group, kind, reason),
        partition=int(envelope["original_partition"]),
        offset=int(envelope["original_offset"]),
        key=_key(envelope.get("original_key_bytes"), envelope.get("original_key")),
        headers=original,
        metadata=_metadata(envelope.get("metadata") or {}),
        traceparent=_header_text(dict(original), "traceparent"),
        first_failed_at=_time(_first_failed(original, carried) or envelope["timestamp"], now),
        attempts=_count(_header_text(carried, "alpr.dlq.attempts"), int(envelope.get("retry_count") or 0)),
    )


def unreadable_letter(record: Record, why: str, now: datetime) -> Letter:
    """A letter around a record of `alpr.dlq` that holds no readable DLQMessage; its headers may say whose it is."""
    carried = dict(record.headers)
    group = _header_text(carried, "__connect.errors.connector.name") or "unknown"
    reason = _text(f"{UNREADABLE}: {why}", REASON_CHARACTERS)
    return Letter(
        dlq_id=identity_of(record),
        form=Form.ENVELOPE,
        topic=record.topic,
        payload=record.value,
        consumer=short_name(_name(group)),
        kind=str(DeadLetterKind.SCHEMA_VALIDATION),
        reason=reason,
        fingerprint=fingerprint(group, DeadLetterKind.SCHEMA_VALIDATION, reason),
        partition=record.place.partition if record.place else None,
        offset=record.offset,
        key=record.key,
        headers=record.headers,
        metadata={},
        traceparent=_header_text(carried, "traceparent"),
        first_failed_at=now,
        attempts=0,
    )


def identity_of(record: Record) -> str:
    """An id for a dead letter without one of its own: of where it lies and what it holds, so the same each time."""
    place = f"{record.place.topic}/{record.place.partition}" if record.place else record.topic
    digest = hashlib.sha256(f"{place}@{record.offset}:".encode() + record.value)
    return f"unreadable-{digest.hexdigest()[:32]}"


def encoded_headers(headers: Headers) -> list[list[str]]:
    """Headers as JSON keeps them: values in base64, for they may be any bytes."""
    return [[_name(name), base64.b64encode(value or b"").decode()] for name, value in headers]


def _first_failed(original: Headers, carried: Mapping[str, bytes]) -> str | None:
    """When the record failed for the first time: a replayed one brings that along."""
    return _header_text(dict(original), FIRST_FAILED_AT) or _header_text(carried, FIRST_FAILED_AT)


def _headers(given: Any) -> Headers:
    """Headers in their order, as pairs in the envelope; those of a map have none."""
    if isinstance(given, Mapping):
        return tuple((str(name), bytes(value)) for name, value in given.items())
    return tuple((str(pair["name"]), bytes(pair["value"] or b"")) for pair in given or ())


def _key(exact: bytes | None, text: str | None) -> bytes | None:
    """The key's bytes where they are known, else its text's."""
    if exact is not None:
        return exact
    return text.encode() if text is not None else None


def _text(value: Any, characters: int) -> str:
    """As PostgreSQL keeps text: no NUL, no half of a surrogate pair, and not without end."""
    return str(value).replace("\0", "�").encode("utf-8", "replace").decode()[:characters]


def _name(value: Any) -> str:
    return _text(value, NAME_CHARACTERS)


def _header_text(headers: Mapping[str, bytes], name: str) -> str | None:
    value = headers.get(name)
    return _name(value.decode("utf-8", "replace")) if value else None


def _metadata(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: _name(given[name]) for name in _KEPT_METADATA if given.get(name)}


def _time(text: Any, now: datetime) -> datetime:
    """An ISO time, or milliseconds since 1970; `now` where it is neither, or lies outside of all calendars."""
    try:
        at = (
            datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
            if str(text).isdecimal()
            else datetime.fromisoformat(str(text))
        )
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return now


def _count(text: str | None, otherwise: int) -> int:
    found = int(text) if text is not None and text.isdecimal() and len(text) < 6 else otherwise
    return min(max(found, 0), 32_767)
