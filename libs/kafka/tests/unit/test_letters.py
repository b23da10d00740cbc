"""A dead letter holds the record as it was; letters of one cause are alike."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from alpr_kafka.dead_letters import letter_of
from alpr_kafka.letters import RETRIED, fingerprint
from alpr_kafka.records import DeadLetterKind, Place, Record, Refused

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def refused(value, key=None, headers=(), offset=5):
    record = Record("t", value, Place("t", 1), offset, key, headers, 0, 2)
    return Refused(record, DeadLetterKind.SCHEMA_VALIDATION, "it is bad")


@given(st.binary(), st.none() | st.binary(), st.lists(st.tuples(st.text(), st.binary())).map(tuple))
def test_bytes_key_and_headers_are_kept_as_they_were(value, key, headers):
    letter = letter_of(refused(value, key, headers), "group", {}, NOW)
    assert (letter["original_value"], letter["original_key_bytes"]) == (value, key)
    kept = [(header["name"], header["value"]) for header in letter["original_headers"]]
    assert kept == [pair for pair in headers if pair[0] != RETRIED]
    assert (letter["original_partition"], letter["original_offset"], letter["retry_count"]) == (1, 5, 2)


def test_the_same_record_is_the_same_letter_and_another_is_another():
    first = letter_of(refused(b"x"), "group", {}, NOW)["dlq_id"]
    assert first == letter_of(refused(b"x"), "group", {}, NOW)["dlq_id"]
    assert first != letter_of(refused(b"x", offset=6), "group", {}, NOW)["dlq_id"]
    assert first != letter_of(refused(b"x"), "another", {}, NOW)["dlq_id"]


def test_numbers_in_a_reason_do_not_make_another_cause():
    assert fingerprint("c", "K", "row 7 of 99") == fingerprint("c", "K", "row 12345 of 1")
    assert fingerprint("c", "K", "row 7") != fingerprint("c", "K", "column 7")
    assert fingerprint("c", "K", "r") != fingerprint("d", "K", "r")
