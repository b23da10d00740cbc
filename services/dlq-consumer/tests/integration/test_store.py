"""Letters and offsets in one transaction, on a real PostgreSQL."""

import threading
import traceback
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from alpr_dlq_consumer.handler import LettersHandler
from alpr_dlq_consumer.letter import Form, Letter
from alpr_dlq_consumer.metrics import Metrics
from alpr_dlq_consumer.store import Store
from alpr_kafka.errors import Fenced, Misdeployed, Rewound, Unavailable
from alpr_kafka.records import Place, Record
from alpr_schemas import topics

pytestmark = pytest.mark.integration
GROUP = "alpr-dlq-consumer"
PLACE, MARK = Place(topics.DEAD_LETTERS, 0), "XQ81ZVK"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def letter(n=1, **more):
    given = Letter(
        f"d-{n}", Form.RECORD, topics.PLATES, b"\0\xff%d" % n, "storage", "SCHEMA_VALIDATION", "unknown schema id 7",
        "ab12", 1, n, b"gate\0", (("traceparent", b"00"), ("raw", b"\xff\0")), {"camera_id": "gate"}, "00", AT, 0,
    )  # fmt: skip
    return replace(given, **more)


@pytest.fixture
def store(database):
    opened = Store(database, GROUP)
    yield opened
    opened.close()


def claim_beside(database):
    """What another consumer of the group finds, and takes over."""
    with closing(Store(database, GROUP)) as other:
        return other.claim([PLACE])


def nothing():
    pass


def asked(dsn, query):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def test_letters_are_kept_once_with_the_offset_after_them(database, store):
    assert store.claim([PLACE]) == {}
    assert len(store.write([letter(1), letter(2), letter(1)], {PLACE: 3}, nothing)) == 2
    assert store.write([letter(1)], {PLACE: 3}, nothing) == []
    assert asked(database, "SELECT dlq_id, payload, original_key, state FROM dead_letters ORDER BY id") == [
        ("d-1", b"\0\xff1", b"gate\0", "new"),
        ("d-2", b"\0\xff2", b"gate\0", "new"),
    ]
    assert claim_beside(database) == {PLACE: 3}


def test_letter_that_came_back_too_often_is_parked(database, store):
    store.claim([PLACE])
    store.write([letter(1, attempts=4), letter(2, attempts=5)], {PLACE: 1}, nothing)
    assert asked(database, "SELECT state FROM dead_letters ORDER BY id") == [("new",), ("parked",)]


def test_consumer_that_slept_through_its_revocation_keeps_nothing(database, store):
    store.claim([PLACE])
    claim_beside(database)
    with pytest.raises(Fenced):
        store.write([letter(1)], {PLACE: 1}, nothing)
    assert asked(database, "SELECT * FROM dead_letters") == []


def test_partition_that_was_never_claimed_is_fenced(database, store):
    with pytest.raises(Fenced):
        store.write([letter(1)], {PLACE: 1}, nothing)
    assert asked(database, "SELECT * FROM dead_letters") == []


def test_failure_before_the_commit_keeps_neither_letters_nor_offsets(database, store):
    store.claim([PLACE])

    def fail():
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        store.write([letter(1)], {PLACE: 1}, fail)
    assert asked(database, "SELECT * FROM dead_letters") == []
    assert claim_beside(database) == {}


def test_outage_is_unavailable_and_over_when_the_database_is_back(database, store):
    store.claim([PLACE])
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(Unavailable):
        store.write([letter(1)], {PLACE: 1}, nothing)
    assert len(store.write([letter(1)], {PLACE: 1}, nothing)) == 1


def test_database_that_lost_what_it_confirmed_is_told_from_another_owner(database, store):
    store.claim([PLACE])
    store.write([letter(1)], {PLACE: 1}, nothing)
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM dead_letters")
        connection.execute("UPDATE kafka_offsets SET next = NULL")
    store.close()
    with pytest.raises(Rewound):
        store.write([letter(2)], {PLACE: 2}, nothing)
    assert store.claim([PLACE]) == {}
    assert len(store.write([letter(1), letter(2)], {PLACE: 2}, nothing)) == 2


def test_missing_migration_is_a_deployment_fault(database, store):
    store.claim([PLACE])
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE dead_letters DROP COLUMN traceparent")
    with pytest.raises(Misdeployed, match="migrate"):
        store.write([letter(1)], {PLACE: 1}, nothing)


def test_two_consumers_that_start_at_once_leave_one_owner(database):
    stores = [Store(database, GROUP) for _ in range(4)]
    threads = [threading.Thread(target=s.claim, args=([PLACE],)) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = 0
    for n, opened in enumerate(stores):
        try:
            written += len(opened.write([letter(n)], {PLACE: n}, nothing))
        except Fenced:
            pass
        finally:
            opened.close()
    assert written == 1


class Unreadable:
    def decode(self, record):
        raise ValueError("no such thing")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\0",
        b"\0\0\0\0\7",
        b"\0" * 5000,
        b"\xff" * 300,
        "Ünïcödé \0".encode(),
        b'{"json": true}',
        bytes(range(256)),
    ],
)
def test_any_bytes_on_the_topic_end_as_a_letter(database, store, value):
    handler = LettersHandler(Unreadable(), store, Metrics(CollectorRegistry()))
    handler.claim([PLACE])
    record = Record(topics.DEAD_LETTERS, value, PLACE, 9, None, (("h", b"\xff"),))
    for _ in range(2):
        handler.write(handler.prepare([record]), {PLACE: 10}, lambda _: None)
    assert asked(database, "SELECT form, payload, state FROM dead_letters") == [("envelope", value, "new")]


def test_row_09_a_row_that_the_database_refuses_is_not_quoted(database, store):
    """A bug ends the process with a traceback, and the server's own sentence holds the row."""
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE dead_letters ADD CHECK (reason !~ '^XQ')")
    store.claim([PLACE])
    with pytest.raises(RuntimeError) as e:
        store.write([letter(1, reason=MARK)], {PLACE: 1}, nothing)
    told = "".join(traceback.format_exception(e.value))
    assert "CheckViolation 23514" in told
    assert MARK not in told
