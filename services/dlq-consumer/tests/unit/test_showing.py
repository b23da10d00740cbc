"""What people see: aligned, whole, and without plates."""

import json

from hypothesis import given
from hypothesis import strategies as st

from alpr_dlq_consumer.showing import HIDDEN, clip, hexdump, masked, table

json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["plate", "text", "normalized_text", "id"]), inner),
    max_leaves=20,
)


@given(json_like)
def test_no_plate_survives_the_mask_however_deep(given_record):
    marked = json.loads(json.dumps({"candidates": [{"text": "ZX81", "confidence": 1}], "more": given_record}))
    shown = masked(marked)
    assert shown["candidates"] == [{"text": HIDDEN, "confidence": 1}]

    def texts(value):
        if isinstance(value, dict):
            yield from (v for k, v in value.items() if k in {"text", "normalized_text"})
            for inner in value.values():
                yield from texts(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from texts(inner)

    assert all(value == HIDDEN for value in texts(shown))


@given(st.binary(max_size=500))
def test_hexdump_holds_every_byte(data):
    words = "".join(line[10:57].replace(" ", "") for line in hexdump(data))
    assert bytes.fromhex(words) == data


def test_hexdump_says_what_it_leaves_out():
    assert list(hexdump(b"x" * 40, limit=32))[-1] == "… 8 bytes more"


@given(st.lists(st.tuples(st.text(alphabet="abc", max_size=9), st.text(alphabet="xyz", max_size=9)), max_size=5))
def test_columns_are_aligned(rows):
    lines = list(table(("A", "B"), rows))
    width = max(len(row[0]) for row in (("A", "B"), *rows))
    assert len(lines) == len(rows) + 1
    assert all(line[: len(row[0])] == row[0] for line, row in zip(lines[1:], rows, strict=True))
    assert all(line[width + 2 :] == row[1] for line, row in zip(lines[1:], rows, strict=True))


@given(st.text(max_size=200))
def test_clipped_text_is_one_short_line(text):
    assert len(clip(text)) <= 60
    assert "\n" not in clip(text)
