"""What goes back to Kafka: the exact bytes, key and headers, to the topic of who refused them."""

import base64
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_dlq_consumer.letter import encoded_headers
from alpr_dlq_consumer.queries import Kept
from alpr_dlq_consumer.retries import KafkaRetries, retry_headers

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

    def __init__(self, refuse=(), full=0, *, silent=False):
        self.records, self.refuse, self.silent, self.full = [], refuse, silent, full
        self._waiting = []

    def produce(self, topic, **record):
        if self.full:
            self.full -= 1
            raise BufferError
        self.records.append((topic, record["value"], record["key"], record["headers"]))
        self._waiting.append(record["on_delivery"])

    def poll(self, timeout):
        return 0

    def flush(self, timeout):
        if self.silent:
            return len(self._waiting)
        for n, acknowledge in enumerate(self._waiting):
            acknowledge(SimpleNamespace(str=lambda: "no leader") if n in self.refuse else None, None)
        self._waiting.clear()
        return 0


def test_record_goes_to_its_consumers_retry_topic_as_it_was():
    broker = Broker()
    letter = kept(headers=encoded_headers((("traceparent", b"00-a"), ("raw", b"\xff\0"))), attempts=2)
    outcome = KafkaRetries(lambda: broker).send([letter])
    assert outcome.accepted == {1}
    assert broker.records == [
        (
            "alpr.retry.storage", b"\0\0\0\0\7x", b"gate",
            [("traceparent", b"00-a"), ("raw", b"\xff\0"), ("alpr.original.topic", b"alpr.events.plates"),
             ("alpr.retried", b"3"), ("alpr.dlq.id", b"d-1")],
        )
    ]  # fmt: skip


def test_only_what_was_acknowledged_counts():
    outcome = KafkaRetries(lambda: Broker(refuse={1})).send([kept(1), kept(2), kept(3)])
    assert outcome.accepted == {1, 3}
    assert outcome.failed == "the broker did not take letter 2: no leader"


def test_silent_broker_is_a_failure_with_a_number():
    outcome = KafkaRetries(lambda: Broker(silent=True), within_s=0.1).send([kept(1), kept(2)])
    assert (outcome.accepted, outcome.failed) == (
        frozenset(),
        "2 letters were not acknowledged within 0 s; is the broker up?",
    )


def test_full_queue_is_waited_for():
    assert KafkaRetries(lambda: Broker(full=3)).send([kept(1)]).accepted == {1}


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
    st.tuples(st.sampled_from(["a", "traceparent", "alpr.retried", "alpr.original.topic", "alpr.dlq.id"]), st.binary())
)


@given(headers, st.integers(0, 4))
def test_headers_of_an_earlier_trip_are_replaced_and_all_others_kept(before, attempts):
    letter = kept(headers=[[name, base64.b64encode(value).decode()] for name, value in before], attempts=attempts)
    after = retry_headers(letter)
    ours = {"alpr.retried", "alpr.original.topic", "alpr.dlq.id"}
    assert [pair for pair in after if pair[0] not in ours] == [pair for pair in before if pair[0] not in ours]
    assert sorted(name for name, _ in after if name in ours) == sorted(ours)
    assert dict(after)["alpr.retried"] == str(attempts + 1).encode()
