"""Bytes to records: with the registry's frame from Kafka, without one from an outbox."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Protocol, cast

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, UnknownType

from alpr_kafka.errors import Undecodable
from alpr_kafka.records import DeadLetterKind, Record
from alpr_schemas import codec

_MAGIC = 0
_FRAME_BYTES = 5
Schema = dict[str, Any]
_BAD_BYTES = (
    EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError,
    SchemaResolutionError,  # another topic's schema
)  # fmt: skip


class Decoder(Protocol):
    """Reads values; each transport has its own."""

    def decode(self, record: Record) -> dict[str, Any]:
        """The record's fields as our own schema names them. Raises Undecodable, or Unavailable for want of a schema."""

    def own_from(self, record: Record) -> int:
        """Where in the value our own schema's Avro begins, as far as that is known at once; -1: ask `decode`."""


class PlainDecoder:
    """Reads what an outbox holds: our own schema, no frame."""

    def decode(self, record: Record) -> dict[str, Any]:
        """The fields. Raises Undecodable."""
        return _read(record, record.value, _reader_schema(record.topic), None)

    def own_from(self, record: Record) -> int:  # noqa: ARG002 - here every record is ours
        """0."""
        return 0


class FramedDecoder:
    """Reads what Kafka holds: a zero, four bytes of schema id, Avro by that schema.

    Args:
        schema_of: the schema of an id as JSON; raises KeyError for one that does not exist, Unavailable where nobody
            can say. Asked once an id.
    """

    def __init__(self, schema_of: Callable[[int], Schema]) -> None:
        self._schema_of = schema_of
        self._writers: dict[int, Schema] = {}
        self._own: dict[bytes, str] = {}

    def decode(self, record: Record) -> dict[str, Any]:
        """The fields, with our defaults for what the writer did not know. Raises Undecodable, Unavailable."""
        value = record.value
        if len(value) < _FRAME_BYTES or value[0] != _MAGIC:
            raise _undecodable(f"{record.topic}: no schema id before the value")
        ours, writer = _reader_schema(record.topic), self._writer(record.topic, int.from_bytes(value[1:5], "big"))
        return _read(record, memoryview(value)[_FRAME_BYTES:], writer, None if writer is ours else ours)

    def own_from(self, record: Record) -> int:
        """Behind the frame, where its schema is known to be ours."""
        return _FRAME_BYTES if self._own.get(record.value[:_FRAME_BYTES]) == record.topic else -1

    def _writer(self, topic: str, schema_id: int) -> Schema:
        known = self._writers.get(schema_id)
        if known is None:
            try:
                told = self._schema_of(schema_id)
            except KeyError as e:
                raise _undecodable(f"{topic}: the registry knows no schema {schema_id}") from e
            try:
                parsed = cast("Schema", fastavro.parse_schema(told))
            except (SchemaParseException, UnknownType, KeyError, TypeError) as e:
                raise _undecodable(f"{topic}: schema {schema_id} is none that Avro knows") from e
            ours = _reader_schema(topic)
            known = self._writers[schema_id] = ours if parsed == ours else parsed
            if known is ours:
                self._own[frame(schema_id, b"")] = topic
        return known


def frame(schema_id: int, payload: bytes) -> bytes:
    """`payload` as Kafka shall hold it."""
    return b"\0" + schema_id.to_bytes(4, "big") + payload


def _reader_schema(topic: str) -> Schema:
    try:
        return codec.schema(topic)
    except KeyError as e:
        raise _undecodable(f"{topic}: a topic without a schema") from e


def _read(record: Record, value: bytes | memoryview, writer: Schema, reader: Schema | None) -> dict[str, Any]:
    stream = io.BytesIO(value)
    try:
        found = fastavro.schemaless_reader(stream, writer, reader)
    except _BAD_BYTES as e:
        raise _undecodable(f"{record.topic}: {type(e).__name__}: not an event of this topic") from e
    if not isinstance(found, dict) or stream.read(1):
        raise _undecodable(f"{record.topic}: more or other than one record")
    return found


def _undecodable(reason: str) -> Undecodable:
    return Undecodable(DeadLetterKind.SCHEMA_VALIDATION, reason)
