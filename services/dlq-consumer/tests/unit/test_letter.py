"""Reading dead letters: any envelope becomes a letter that PostgreSQL can hold."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_dlq_consumer.letter import Form, encoded_headers, identity_of, read_letter, unreadable_letter
from alpr_kafka.records import Place, Record
from alpr_schemas import topics

NOW = datetime(2026, 1, 2, tzinfo=UTC)
AT = "2026-01-01T00:00:00.000000+00:00"


def envelope(**more):
    return {
        "dlq_id": "d-1", "timestamp": AT, "original_topic": topics.PLATES, "original_partition": 2,
        "original_offset": 41, "original_key": "gate", "original_message": "{}",
        "consumer_group_id": "alpr-storage-consumer", "error_type": "SCHEMA_VALIDATION",
        "error_message": "unknown schema id 7", "error_stack_trace": None, "retry_count": 0, "metadata": {},
        "original_value": b"\0\0\0\0\7x", "original_headers": [{"name": "traceparent", "value": b"00-ab-cd-01"}], **more,
    }  # fmt: skip


def carried(value=b"", headers=(), offset=5):
    return Record(topics.DEAD_LETTERS, value, Place(topics.DEAD_LETTERS, 0), offset, None, tuple(headers))


def test_letter_keeps_the_exact_bytes_key_headers_and_place():
    letter = read_letter(carried(), envelope(), NOW)
    assert (letter.form, letter.payload, letter.key) == (Form.RECORD, b"\0\0\0\0\7x", b"gate")
    assert (letter.topic, letter.partition, letter.offset) == (topics.PLATES, 2, 41)
    assert letter.headers == (("traceparent", b"00-ab-cd-01"),)
    assert letter.traceparent == "00-ab-cd-01"
    assert letter.consumer == "storage"
    assert letter.first_failed_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_letter_of_an_old_producer_holds_its_text_and_says_so():
    old = {k: v for k, v in envelope().items() if k not in {"original_value", "original_headers"}}
    letter = read_letter(carried(), old | {"original_message": '{"a": 1}', "retry_count": 3}, NOW)
    assert (letter.form, letter.payload, letter.headers) == (Form.TEXT, b'{"a": 1}', ())
    assert letter.attempts == 3


def test_headers_of_the_kit_win_over_what_can_be_worked_out():
    headers = (
        ("alpr.dlq.fingerprint", b"abcd"), ("alpr.dlq.attempts", b"2"), ("alpr.dlq.first_failed_at", AT.encode()),
    )  # fmt: skip
    letter = read_letter(carried(headers=headers), envelope(timestamp="2026-01-01T12:00:00+00:00"), NOW)
    assert (letter.fingerprint, letter.attempts) == ("abcd", 2)
    assert letter.first_failed_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_replayed_record_remembers_when_it_first_failed():
    again = [{"name": "alpr.dlq.first_failed_at", "value": b"2025-12-24T00:00:00+00:00"}]
    letter = read_letter(
        carried(headers=[("alpr.dlq.first_failed_at", AT.encode())]), envelope(original_headers=again), NOW
    )
    assert letter.first_failed_at == datetime(2025, 12, 24, tzinfo=UTC)


def test_same_cause_has_the_same_fingerprint_whatever_the_numbers():
    first, second, other = (
        read_letter(carried(), envelope(error_message=text), NOW).fingerprint
        for text in ("unknown schema id 7", "unknown schema id 912", "too long")
    )
    assert first == second != other


def test_unreadable_letter_is_kept_whole_and_names_whose_it_may_be():
    record = carried(b"\xff\xfe", [("__connect.errors.connector.name", b"alpr-search-indexer"), ("x", b"\0")])
    letter = unreadable_letter(record, "SCHEMA", NOW)
    assert (letter.form, letter.payload, letter.headers) == (Form.ENVELOPE, b"\xff\xfe", record.headers)
    assert letter.consumer == "indexer"
    assert "cannot be read" in letter.reason


def test_identity_of_an_unreadable_letter_is_that_of_its_place_and_bytes():
    assert identity_of(carried(b"a")) == identity_of(carried(b"a"))
    assert len({identity_of(carried(b"a")), identity_of(carried(b"b")), identity_of(carried(b"a", offset=6))}) == 3


@pytest.mark.parametrize("at", ["", "yesterday", "9" * 30, "99999-01-01T00:00:00+00:00", "0001-01-01T00:00:00+23:59"])
def test_time_outside_of_calendars_is_the_time_of_its_coming(at):
    assert read_letter(carried(), envelope(timestamp=at), NOW).first_failed_at == NOW


texts = st.text(max_size=300) | st.sampled_from(["\0", "a" * 10_000, "\ud800"])


@given(texts, texts, texts, st.binary(max_size=50), st.lists(st.tuples(texts, st.binary(max_size=9)), max_size=3))
def test_any_text_becomes_one_that_postgres_holds(reason, key, trace, value, headers):
    pairs = [{"name": name, "value": value} for name, value in headers]
    carried_by = carried(
        value, [("alpr.dlq.attempts", value), ("alpr.dlq.fingerprint", trace.encode("utf-8", "replace"))]
    )
    given_envelope = envelope(error_message=reason, original_value=value, original_headers=pairs, dlq_id=key)
    letter = read_letter(carried_by, given_envelope, NOW)
    kept = [letter.dlq_id, letter.reason, letter.fingerprint, *(name for name, _ in encoded_headers(letter.headers))]
    assert all("\0" not in text and text.encode() is not None for text in kept)
    assert len(letter.reason) <= 2000
    assert letter.dlq_id
    assert 0 <= letter.attempts <= 32_767
    assert letter.payload == value
