"""What goes back to Kafka: the exact bytes, key and headers, to the topic of who refused them."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_dlq_consumer.letter import encoded_headers
from alpr_dlq_consumer.queries import Kept
from alpr_dlq_consumer.retries import KafkaRetries, retry_headers
from alpr_kafka.errors import Unavailable

AT = datetime(2026, 1, 1, tzinfo=UTC)


def kept(n=1, **more):
    given = {
        "id": n, "dlq_id": f"d-{n}", "form": "record", "topic": "alpr.events.plates", "payload": b"\0\0\0\0\7x",
        "consumer": "storage", "kind": "UNKNOWN", "reason": "r", "fingerprint": "f", "original_partition": 0,
        "original_offset": n, "original_key": b"gate", "headers": [], "metadata": {}, "traceparent": None,
        "first_failed_at": AT, "at": AT, "attempts": 0, "state": "new", "state_at": AT, **more,
    }  # fmt: skip
    return Kept(**given)


class Broker:
    """Acknowledges what it is told to."""

    def __init__(self, refuse=(), *, silent=False):
        self.records, self.refuse, self.silent, self.closed = [], refuse, silent, False
        self._waiting = []

    def send(self, record, done):
        self.records.append((record.topic, record.value, record.key, record.headers, record.timestamp_ms))
        self._waiting.append(done)

    def poll(self, within_s):
        served = [] if self.silent else self._waiting
        self._waiting = []
        for n, done in enumerate(served):
            done(Unavailable("no leader") if n in self.refuse else None)
        return len(served)

    def close(self):
        self.closed = True


def test_record_goes_to_its_consumers_retry_topic_as_it_was():
    broker = Broker()
    letter = kept(headers=encoded_headers((("traceparent", b"00-a"), ("raw", b"\xff\0"))), attempts=2)
    outcome = KafkaRetries(lambda: broker).send([letter])
    assert outcome.accepted == {1}
    assert broker.records == [
        (
            "alpr.retry.storage", b"\0\0\0\0\7x", b"gate",
            (("traceparent", b"00-a"), ("raw", b"\xff\0"), ("alpr.original.topic", b"alpr.events.plates"),
             ("alpr.retried", b"3"), ("alpr.dlq.id", b"d-1"),
             ("alpr.dlq.first_failed_at", b"2026-01-01T00:00:00+00:00")), 0,
        )
    ]  # fmt: skip


def test_only_what_was_acknowledged_counts():
    outcome = KafkaRetries(lambda: Broker(refuse={1})).send([kept(1), kept(2), kept(3)])
    assert outcome.accepted == {1, 3}
    assert outcome.failed == "letter 2 was not taken: no leader"


def test_silent_broker_is_a_failure_with_a_number():
    outcome = KafkaRetries(lambda: Broker(silent=True), within_s=0.1).send([kept(1), kept(2)])
    assert (outcome.accepted, outcome.failed) == (
        frozenset(),
        "2 letters were not acknowledged within 0 s",
    )


def test_broker_is_not_opened_to_ask_what_could_be_sent():
    def never():
        raise AssertionError("opened")

    retries = KafkaRetries(never)
    assert retries.sendable(kept()) is None
    retries.close()


@pytest.mark.parametrize("form", ["plain", "text", "envelope"])
def test_letter_without_exact_bytes_says_why_it_stays(form):
    assert KafkaRetries(Broker).sendable(kept(form=form))


headers = st.lists(
    st.tuples(
        st.sampled_from(
            ["a", "traceparent", "alpr.retried", "alpr.original.topic", "alpr.dlq.id", "alpr.dlq.first_failed_at"]
        ),
        st.binary(),
    )
)


@given(headers, st.integers(0, 4))
def test_headers_of_an_earlier_trip_are_replaced_and_all_others_kept(before, attempts):
    letter = kept(headers=[[name, base64.b64encode(value).decode()] for name, value in before], attempts=attempts)
    after = retry_headers(letter)
    ours = {"alpr.retried", "alpr.original.topic", "alpr.dlq.id", "alpr.dlq.first_failed_at"}
    assert [pair for pair in after if pair[0] not in ours] == [pair for pair in before if pair[0] not in ours]
    assert sorted(name for name, _ in after if name in ours) == sorted(ours)
    assert dict(after)["alpr.retried"] == str(attempts + 1).encode()
