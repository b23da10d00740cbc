"""A glance at a record's key never takes one event for another."""

from hypothesis import given
from hypothesis import strategies as st

from alpr_kafka.decoding import frame
from alpr_schemas import codec, topics
from alpr_storage_consumer.peek import key_fields
from alpr_storage_consumer.rows import ROW_OF
from alpr_testing.readings import reading


def row_key(event):
    return ROW_OF[topics.PLATES](event.model_dump(mode="json")).line[2:34]


@given(st.integers(0, 10_000), st.integers(0, 2**31))
def test_the_key_is_the_rows_with_and_without_a_frame(number, schema_id):
    event = reading(number)
    payload = codec.encode(event)
    assert key_fields(payload) == key_fields(frame(schema_id, payload)) == row_key(event)


@given(st.binary(max_size=80))
def test_bytes_that_are_no_event_show_no_key(noise):
    assert key_fields(b"\xff" + noise) is None
    assert key_fields(noise) is None
