"""The way without values in between and the way by values make the same row, or the first one stands back."""

import io
import random

import fastavro
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alpr_schemas import codec, topics
from alpr_storage_consumer.rows import Misfit, plate_row
from alpr_storage_consumer.transcode import transcoded
from alpr_testing.avro_values import values
from alpr_testing.event_load import Street

SCHEMA = codec.schema(topics.PLATES)
FRAME = b"\0\0\0\0\7"


def avro(event):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, SCHEMA, event)
    return out.getvalue()


def by_values(payload):
    """What the longer way finds; None where it refuses."""
    stream = io.BytesIO(payload)
    try:
        event = fastavro.schemaless_reader(stream, SCHEMA)
        if stream.read(1):
            return None
        row = plate_row(event)
    except (Misfit, ValueError, IndexError, EOFError, OverflowError, MemoryError, ArithmeticError):
        return None
    told = (event["seq"], event["agent_id"], event["boot_id"], event["node"]["site"])
    return (row.line, row.key, row.at_us, *told)


@given(st.integers(0, 2**32), st.booleans())
def test_what_an_agent_sends_never_needs_the_longer_way(seed, framed):
    street = Street("edge-1", "epoch", seed)
    payload = codec.encode(street.reading())
    found = transcoded(FRAME + payload, len(FRAME)) if framed else transcoded(payload, 0)
    assert found is not None
    assert found == by_values(payload)


@given(values(SCHEMA))
def test_anything_that_avro_can_hold_gives_the_same_row_or_none(event):
    payload = avro(event)
    found = transcoded(payload, 0)
    assert found is None or found == by_values(payload)


@settings(max_examples=400)
@given(st.integers(0, 2**32), st.integers(1, 6), st.randoms(use_true_random=False))
@example(1, 1, random.Random(1))
def test_broken_bytes_give_the_same_row_or_none(seed, flips, chance):
    payload = bytearray(codec.encode(Street("edge-1", "epoch", seed % 50).reading()))
    for _ in range(flips):
        payload[chance.randrange(len(payload))] = chance.choice((0, 1, 2, 3, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    broken = bytes(payload[: chance.choice((len(payload), len(payload), chance.randrange(len(payload))))])
    broken += bytes(chance.choice((0, 0, 1)))
    found = transcoded(broken, 0)
    assert found is None or found == by_values(broken)


@pytest.mark.parametrize("size", [50, 51, 63, 64, 8191, 8192, 70_000])
def test_texts_of_any_length_arrive_whole(size):
    event = Street("edge-1", "epoch", 7).reading()
    longer = event.model_copy(update={"images": event.images.model_copy(update={"plate_url": "u" * size})})
    payload = codec.encode(longer)
    found = transcoded(payload, 0)
    assert (found is None) == (size > 8191)
    assert found is None or found == by_values(payload)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 100])
def test_many_candidates_arrive_whole(size):
    event = Street("edge-1", "epoch", 7).reading()
    payload = codec.encode(event.model_copy(update={"candidates": event.candidates[:1] * size}))
    found = transcoded(payload, 0)
    assert found is not None
    assert found == by_values(payload)


@pytest.mark.parametrize("first", range(0, 128, 16))
def test_every_ascii_character_is_folded_as_elsewhere(first):
    event = Street("edge-1", "epoch", 7).reading()
    text = "".join(map(chr, range(first, first + 16)))
    plate = event.plate.model_copy(update={"normalized_text": text})
    payload = codec.encode(event.model_copy(update={"plate": plate}))
    found = transcoded(payload, 0)
    assert found is not None
    assert found == by_values(payload)


def test_what_ends_too_early_anywhere_gives_no_row():
    payload = codec.encode(Street("edge-1", "epoch", 7).reading())
    assert transcoded(payload, 0) is not None
    assert [size for size in range(len(payload)) if transcoded(payload[:size], 0) is not None] == []
