"""Which schema a row's bytes were written with: kept beside the row, so that an update of the agent changes no meaning.

Rows of before this was kept have no mark; they were all written with the schemas in `first/`, which never change.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

import fastavro

from alpr_schemas import codec, topics

_FIRST: Final = {topics.PLATES: "plate_event", topics.VEHICLES: "vehicle_event"}
TOPICS: Final = tuple(_FIRST)
"""The topics that an outbox holds events of."""


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """An Avro schema that bytes were written with.

    Attributes:
        fingerprint: 16 hex digits of the SHA-256 of its definition, whose keys are sorted and spaces gone.
        text: its definition, as JSON.
    """

    fingerprint: str
    text: str

    @property
    def definition(self) -> dict[str, Any]:
        """The definition, parsed from JSON; a new one each time."""
        return cast("dict[str, Any]", json.loads(self.text))


def schema_of(definition: dict[str, Any]) -> WriterSchema:
    """The schema of that definition."""
    plain = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    text = json.dumps(definition, separators=(",", ":"))
    return WriterSchema(hashlib.sha256(plain.encode()).hexdigest()[:16], text)


@cache
def our_schema(topic: str) -> WriterSchema:
    """What this program writes values of `topic` with."""
    return schema_of(codec.definition(topic))


@cache
def first_schema(topic: str) -> WriterSchema:
    """What rows without a mark were written with."""
    text = files("alpr_edge_agent.outbox").joinpath(f"first/{_FIRST[topic]}.avsc").read_text(encoding="utf-8")
    return schema_of(json.loads(text))


def in_our_schema(topic: str, payload: bytes, writer: WriterSchema) -> bytes:
    """`payload` as this program would write it, for those who read no schema but ours; defaults fill what is new.

    Raises ValueError where the bytes, or the two schemas, do not fit.
    """
    ours = our_schema(topic)
    if writer.fingerprint == ours.fingerprint:
        return payload
    try:
        record = fastavro.schemaless_reader(io.BytesIO(payload), writer.definition, ours.definition)
        out = io.BytesIO()
        fastavro.schemaless_writer(out, codec.schema(topic), cast("dict[str, Any]", record))
    except (EOFError, IndexError, KeyError, TypeError, fastavro.read.SchemaResolutionError) as e:
        raise ValueError(f"{topic}: {type(e).__name__}: not written with the schema {writer.fingerprint}") from e
    return out.getvalue()
