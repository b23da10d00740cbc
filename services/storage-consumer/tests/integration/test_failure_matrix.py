"""The whole consumer as a process on a real broker, through the rows of the failure matrix that fall to storing.

What is compared is always the set of the events' ids: those sent, and those stored. The rows of a failing database are
in `test_failing_database.py`, of an agent that was copied in `test_cloned_agent.py`.
"""

import signal
import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alpr_kafka.decoding import frame
from alpr_schemas import codec, topics
from alpr_schemas.events import Node
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
_LEAP = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
_SPRING = datetime(2026, 3, 29, 0, 59, 59, 999_000, tzinfo=UTC)  # Europe's clocks jump a millisecond later
_AUTUMN = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)  # and here the hour comes twice


def poison(path):
    """A record of each kind that no event is."""
    whole, other = codec.encode(path.event()), frame(path.schema_id + 10_000, codec.encode(path.event()))
    vehicle = path.registry.id_of(topics.VEHICLES, codec.definition(topics.VEHICLES))
    numbers = path.registry.id_of(topics.METRICS, codec.definition(topics.METRICS))
    framed = [
        path.event(track_id="t\0"),
        path.event().model_copy(update={"camera_id": "c" * 51}),
        path.event(node=Node(site="s" * 64)),
        path.event(at=datetime(1970, 1, 1, tzinfo=UTC)),
        path.event(at=datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
        path.event().model_copy(update={"event_id": "00000000-0000-4000-8000-00000000000g"}),
        path.event().model_copy(update={"captured_at": "yesterday"}),
    ]
    return [
        b"", b"\0", b"\xff" * 300, b"no event at all", other, frame(path.schema_id, whole[:-7]),
        frame(path.schema_id, whole + b"more"), frame(vehicle, whole), frame(numbers, whole),
        *(frame(path.schema_id, codec.encode(event)) for event in framed),
    ]  # fmt: skip


def test_row_09_poison_of_every_kind_is_buried_byte_for_byte_and_its_neighbours_are_stored(path):
    path.send(400)
    path.send_poison(*poison(path))
    path.send(400)
    path.start()
    path.wait()
    letters = path.assert_buried()
    path.assert_whole()
    assert {letter["original_topic"] for letter in letters} == {topics.PLATES}
    assert {letter["error_type"] for letter in letters} == {"SCHEMA_VALIDATION", "PROCESSING_FAILURE", "BUSINESS_LOGIC"}


@pytest.mark.parametrize("failpoint", ["before_copy", "after_insert", "before_bury", "after_bury", "after_commit"])
def test_row_10_a_kill_at_a_failpoint_loses_and_doubles_nothing(path, failpoint):
    path.send(1500, poison={n * 60 for n in range(25)})
    first = path.start(ALPR_FAILPOINT=f"{failpoint}:3")
    assert first.wait(60) == -signal.SIGKILL
    path.start()
    path.wait()
    path.assert_whole()
    path.assert_buried()
    assert path.proof() == (1475, 25, 0)  # bytes that cannot be read show no number: they are missed


def test_row_10_a_killed_member_is_back_before_its_session_ends(path):
    path.send(200)
    killed = path.start(SESSION_TIMEOUT_S="120")
    path.wait()
    killed.kill()
    killed.wait()
    path.send(200)
    path.start(SESSION_TIMEOUT_S="120")
    path.wait(within_s=60)
    path.assert_whole()


def test_row_12_a_zombie_writes_nothing_after_it_wakes(path):
    path.witness()
    zombie = path.start("zombie", BATCH_RECORDS="50")
    path.send(300)
    path.wait()
    zombie.send_signal(signal.SIGSTOP)
    path.send(300)
    path.start("successor")
    path.wait(90)
    zombie.send_signal(signal.SIGCONT)
    path.send(300)
    path.wait(90)
    path.assert_whole()
    path.assert_no_stale_write()
    assert path.proof() == (900, 0, 0)
    assert not path.letters()


def test_row_15_a_replay_over_the_month_s_and_the_day_s_end_finds_the_same_partitions(path):
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    month_ago = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    for edge in (month_ago, month_ago - timedelta(days=3)):
        path.send_events(*(path.event(edge + timedelta(milliseconds=n - 50)) for n in range(100)))
    lying = (
        "SELECT tableoid::regclass::text, count(*), min(captured_at), max(captured_at) FROM plate_events"
        " WHERE captured_at < now() - interval '3 hours' GROUP BY 1 ORDER BY 1"
    )
    seen = []
    for zone in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):  # where it is tomorrow, and yesterday
        path.rewind()
        process = path.start(TZ=zone, PGTZ=zone)
        path.send(10)  # behind all the others in every partition
        path.wait()
        process.terminate()
        assert process.wait(10) == 0
        path.assert_whole()
        with psycopg.connect(path.dsn) as connection:
            seen.append(connection.execute(lying).fetchall())
    assert seen[0] == seen[1] == seen[2]
    assert [count for _, count, *_ in seen[0]] == [150, 50]
    assert not path.letters()


def test_row_18_absurd_clocks_are_quarantined_with_a_reason_and_counted(path, port):
    now = datetime.now(UTC)
    good = [now - timedelta(hours=1), now, _LEAP, _SPRING, _SPRING + timedelta(milliseconds=1), _AUTUMN]
    path.send_events(*(path.event(at) for at in good))
    absurd = [now + timedelta(hours=1), datetime(2099, 2, 28, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    path.send_poison(*(frame(path.schema_id, codec.encode(path.event(at))) for at in absurd))
    path.start(METRICS_PORT=str(port))
    path.wait()
    letters = path.assert_buried()
    path.assert_whole()
    assert {letter["error_type"] for letter in letters} == {"BUSINESS_LOGIC"}
    assert all("set the clock of the agent" in letter["error_message"] for letter in letters)
    assert path.metrics(port)['alpr_dlq_messages_total{kind="BUSINESS_LOGIC"}'] == len(absurd)
    assert path.proof() == (len(good), 0, len(absurd))


def test_row_18_one_moment_in_three_zones_is_one_row(path):
    summer = _AUTUMN.astimezone().isoformat()
    once = path.event(_AUTUMN)
    written = [
        "2025-10-26T02:30:00.000000+02:00",
        "2025-10-26T01:30:00.000000+01:00",
        summer,
    ]  # the hour that comes twice
    path.send_events(once, *(once.model_copy(update={"captured_at": at}) for at in written))
    path.send_events(path.event())
    path.start()
    path.wait()
    path.assert_whole()
    assert not path.letters()


def test_row_20_it_ends_within_five_seconds_of_sigterm_under_load(path):
    path.send(4000)
    for _ in range(3):
        before = len(path.stored())
        process = path.start(BATCH_RECORDS="20")
        until(lambda before=before: len(path.stored()) > before + 100, 60, "it works")
        asked = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        assert time.monotonic() - asked < 5
    assert len(path.stored()) < 4000  # there was load to the last
    path.start()
    path.wait()
    path.assert_whole()


def test_row_21_the_whole_topic_read_again_adds_no_row_and_no_letter(path):
    path.send(2000, poison={7, 700, 1999})
    process = path.start()
    path.wait()
    letters = {letter["dlq_id"] for letter in path.assert_buried()}
    process.terminate()
    assert process.wait(10) == 0
    with psycopg.connect(path.dsn) as connection:
        (newest,) = connection.execute("SELECT max(feed_id) FROM plate_events").fetchone()
    path.rewind()
    path.start()
    path.send(100)
    path.wait()
    path.assert_whole()
    assert {letter["dlq_id"] for letter in path.assert_buried()} == letters
    with psycopg.connect(path.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM plate_events WHERE feed_id > %s", (newest,)).fetchone() == (
            100,
        )
    assert path.proof() == (2097, 3, 0)
