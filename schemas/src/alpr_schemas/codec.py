"""Avro bytes of events, without a registry's frame: a producer puts the schema id before them."""

from __future__ import annotations

import io
import json
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

import fastavro

from alpr_schemas import topics
from alpr_schemas.events import AnyEvent, MetricEvent, PlateEvent, VehicleEvent

_MODELS: Final[dict[str, type[AnyEvent]]] = {
    topics.PLATES: PlateEvent,
    topics.VEHICLES: VehicleEvent,
    topics.METRICS: MetricEvent,
}
_FILES: Final = {
    topics.PLATES: "plate_event",
    topics.VEHICLES: "vehicle_event",
    topics.METRICS: "metric_event",
    topics.DEAD_LETTERS: "dlq_message",
}


class Undecodable(ValueError):
    """Bytes that are no event of their topic."""


TOPICS: Final = tuple(_FILES)
"""All topics that have a schema."""


@cache
def definition(topic: str) -> dict[str, Any]:
    """The Avro schema of `topic`'s values as it is written down. Raises KeyError for a topic without one."""
    text = files("alpr_schemas").joinpath(f"avro/{_FILES[topic]}.avsc").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


@cache
def schema(topic: str) -> dict[str, Any]:
    """The parsed Avro schema of `topic`'s values. Raises KeyError for a topic without one."""
    return cast("dict[str, Any]", fastavro.parse_schema(definition(topic)))


def topic_of(event: AnyEvent) -> str:
    """The topic that carries events of this kind."""
    return next(topic for topic, model in _MODELS.items() if isinstance(event, model))


def encode(event: AnyEvent) -> bytes:
    """`event` as schemaless Avro."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema(topic_of(event)), event.model_dump(mode="json"))
    return out.getvalue()


def decode(topic: str, payload: bytes) -> AnyEvent:
    """The event in `payload`. Raises Undecodable, with the reason, for bytes that hold none."""
    try:
        record = fastavro.schemaless_reader(io.BytesIO(payload), schema(topic), None)
        return _MODELS[topic].model_validate(record)
    except (EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError) as e:
        raise Undecodable(f"{topic}: {type(e).__name__}: not an event of this topic") from e
