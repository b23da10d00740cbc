"""Any bytes are a record, or Undecodable with a reason that says nothing of what they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_kafka.decoding import FramedDecoder, PlainDecoder, frame
from alpr_kafka.errors import Unavailable, Undecodable
from alpr_kafka.records import Record
from alpr_schemas import codec, topics
from alpr_testing.event_load import Street

PAYLOAD = codec.encode(Street("edge-1", "epoch", 3).reading())
SCHEMAS = {1: topics.PLATES, 2: topics.VEHICLES}


@pytest.fixture
def decoder():
    return FramedDecoder(lambda schema_id: codec.definition(SCHEMAS[schema_id]))


def record(value, topic=topics.PLATES):
    return Record(topic, value)


def test_a_frame_is_taken_off_and_known_afterwards(decoder):
    sent = record(frame(1, PAYLOAD))
    assert decoder.own_from(sent) == -1
    assert decoder.decode(sent) == PlainDecoder().decode(record(PAYLOAD))
    assert decoder.own_from(sent) == 5
    assert decoder.own_from(record(frame(1, PAYLOAD), topics.VEHICLES)) == -1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"", "no schema id"), (b"\0\0\0", "no schema id"), (b"\1" + frame(1, PAYLOAD)[1:], "no schema id"),
        (frame(77, PAYLOAD), "knows no schema 77"), (frame(1, PAYLOAD[:40]), "not an event"), (frame(1, PAYLOAD + b"\0"), "more"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_the_reason(decoder, value, said):
    with pytest.raises(Undecodable, match=said):
        decoder.decode(record(value))


def test_a_topic_without_a_schema_is_refused(decoder):
    with pytest.raises(Undecodable, match="without a schema"):
        decoder.decode(record(frame(1, PAYLOAD), "somebody.elses"))


def test_a_registry_that_is_away_is_no_fault_of_the_record():
    def away(_):
        raise Unavailable("registry: away")

    with pytest.raises(Unavailable):
        FramedDecoder(away).decode(record(frame(1, PAYLOAD)))


@given(st.binary(max_size=400), st.sampled_from([1, 2, 3]), st.sampled_from(sorted(codec.TOPICS)))
def test_noise_is_refused_and_nothing_else_happens(noise, schema_id, topic):
    decoder = FramedDecoder(lambda known: codec.definition(SCHEMAS[known]))
    for value in (noise, frame(schema_id, noise)):
        try:
            found = decoder.decode(record(value, topic))
        except Undecodable as e:
            assert len(noise) < 4 or noise.hex() not in e.reason
        else:
            assert isinstance(found, dict)


@pytest.mark.parametrize("writer", [5, {}, {"type": "record", "name": "R", "fields": 5}, {"type": "recor"}, "string"])
def test_a_registered_schema_that_is_none_is_refused(writer):
    with pytest.raises(Undecodable):
        FramedDecoder(lambda _: writer).decode(record(frame(1, PAYLOAD)))
