"""Rows are as strict as the models, and PostgreSQL's own reader would find the same values in them."""

import io
import struct
from datetime import UTC, timedelta
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
from alpr_testing.avro_values import values

MODELS = {topics.PLATES: PlateEvent, topics.VEHICLES: VehicleEvent, topics.METRICS: MetricEvent}


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
