"""Rows are as strict as the models, and PostgreSQL's own reader would find the same values in them."""

import io
import struct
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from alpr_schemas import codec, topics
from alpr_schemas.events import MetricEvent, PlateEvent, VehicleEvent
from alpr_storage_consumer import binary_copy
from alpr_storage_consumer.rows import COLUMNS, ROW_OF, TABLES, Misfit

MODELS = {topics.PLATES: PlateEvent, topics.VEHICLES: VehicleEvent, topics.METRICS: MetricEvent}
HOSTILE_TEXTS = st.sampled_from(
    ["", " ", "a" * 20, "a" * 21, "a" * 50, "a" * 51, "é" * 50, "\0", "AB12", "\U0001d538" * 20, "{}", "urn:uuid:"]
)
TEXTS = st.one_of(HOSTILE_TEXTS, st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
UUIDS = st.one_of(
    st.uuids().map(str), st.uuids().map(lambda u: u.hex), st.uuids().map(lambda u: f"{{{u}}}"),
    st.uuids().map(lambda u: u.urn), st.uuids().map(lambda u: str(u).upper()),
    st.uuids().map(lambda u: str(u).replace("-", " ", 1)), st.uuids().map(lambda u: f"+{u.hex[1:]}"),
    st.uuids().map(lambda u: f"{u.hex[:10]}_{u.hex[11:]}"), st.uuids().map(lambda u: f" {u.hex[2:]} "),
    st.uuids().map(lambda u: str(u)[:-1]), st.uuids().map(lambda u: str(u) + "0"), TEXTS,
)  # fmt: skip
MOMENTS = st.datetimes(
    datetime(1, 1, 2),
    datetime(9999, 12, 30),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5.5)), None]),
)
TIMES = st.one_of(
    MOMENTS.map(lambda m: m.isoformat()), MOMENTS.map(lambda m: m.isoformat().replace("+00:00", "Z")),
    MOMENTS.map(lambda m: m.strftime("%Y%m%dT%H%M%S%z")), st.sampled_from(["2026-01-02", "now", "2026-W01-1T00:00Z"]), TEXTS,
)  # fmt: skip
FLOATS = st.one_of(st.floats(width=32), st.sampled_from([0.0, 1.0, -0.0, 1.0000001]))

PRIMITIVES = {
    "null": st.none(), "string": TEXTS, "float": FLOATS, "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1), "long": st.integers(-(2**63), 2**63 - 1),
}  # fmt: skip


def values(schema):
    """Anything that Avro could decode by `schema`, biased to what is nearly right."""
    match schema:
        case {"type": "record", "fields": fields}:
            return st.fixed_dictionaries({f["name"]: named(f["name"], f["type"]) for f in fields})
        case {"type": "enum", "symbols": symbols}:
            return st.sampled_from(symbols)
        case {"items": items}:
            return st.lists(values(items), max_size=3)
        case {"values": of}:
            return st.dictionaries(TEXTS, values(of), max_size=3)
        case [*options]:
            return st.one_of([values(option) for option in options])
    return values(schema["type"]) if isinstance(schema, dict) else PRIMITIVES[schema]


def named(name, schema):
    """Fields that judges look at are right more often than chance would have them."""
    likely = {
        "event_id": UUIDS, "metric_id": UUIDS, "captured_at": TIMES, "timestamp": TIMES,
        "camera_id": st.one_of(st.just("gate"), TEXTS), "track_id": st.one_of(st.just("t-1"), TEXTS),
        "text": st.one_of(st.just("AB12"), TEXTS), "normalized_text": st.one_of(st.just("AB12"), TEXTS),
        "confidence": st.one_of(st.just(0.5), FLOATS),
    }  # fmt: skip
    if name in {"first_seen_at", "last_seen_at"}:
        return st.one_of(TIMES, st.none()) if isinstance(schema, list) else TIMES
    if name == "plate_event_id":
        return st.one_of(UUIDS, st.none())
    return likely.get(name, values(schema))


def fields_of(line):
    """What PostgreSQL would read: each field's bytes, or None."""
    (count,), at, found = struct.unpack_from(">h", line), 2, []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", line, at)
        found.append(None if length < 0 else line[at + 4 : at + 4 + length])
        at += 4 + max(length, 0)
    assert at == len(line)
    return found


@pytest.mark.parametrize("topic", sorted(MODELS))
def test_rows_and_models_judge_alike(topic):
    @given(values(codec.schema(topic)))
    def judged(event):
        try:
            MODELS[topic].model_validate(event)
        except ValidationError:
            with pytest.raises(Misfit):
                ROW_OF[topic](event)
            return
        line, key, _ = ROW_OF[topic](event)
        found = fields_of(line)
        assert len(found) == len(COLUMNS[TABLES[topic]])
        assert found[0] == key == UUID(event.get("event_id") or event["metric_id"]).bytes

    judged()


@given(values(codec.schema(topics.PLATES)))
def test_texts_and_numbers_arrive_as_they_are(event):
    try:
        PlateEvent.model_validate(event)
    except ValidationError:
        return
    kept = dict(zip(COLUMNS["plate_events"], fields_of(ROW_OF[topics.PLATES](event).line), strict=True))
    assert kept["plate_text"] == event["plate"]["text"].encode()
    assert kept["camera_id"] == event["camera_id"].encode()
    assert kept["seq"] == struct.pack(">q", event["seq"])
    assert kept["latency_ms"] == struct.pack(">i", event["latency_ms"])
    assert (kept["box"] is None) == (event["box"] is None)


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_counted_from_2000(moment):
    counted = binary_copy.microseconds(moment.isoformat())
    assert binary_copy.EPOCH + timedelta(microseconds=counted) == moment


def test_an_event_survives_avro_and_the_row():
    from alpr_testing.readings import reading

    event = reading(1)
    decoded = fastavro.schemaless_reader(io.BytesIO(codec.encode(event)), codec.schema(topics.PLATES), None)
    assert ROW_OF[topics.PLATES](decoded).key == UUID(event.event_id).bytes
