"""The whole consumer as a process on a real broker: rows 9 to 12, 20 and 21 of the failure matrix."""

import os
import signal
import time

import psycopg
import pytest

from alpr_schemas import topics
from alpr_testing.postgres import remove_cluster
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


def assert_whole(path):
    stored = path.stored()
    assert len(stored) == len(set(stored))
    assert set(stored) == path.sent


@pytest.mark.parametrize("failpoint", ["before_copy", "after_insert", "before_bury", "after_bury", "after_commit"])
def test_a_kill_at_a_failpoint_loses_and_doubles_nothing(path, failpoint):
    path.send(1500, poison={n * 60 for n in range(25)})
    first = path.start(ALPR_FAILPOINT=f"{failpoint}:3")
    assert first.wait(60) == -signal.SIGKILL
    path.start()
    path.wait()
    assert_whole(path)
    until(lambda: {letter["original_value"] for letter in path.letters().values()} == path.poison, 20, "the letters")
    assert len(path.letters()) == len(path.poison)
    assert path.proof() == (1475, 25, 0)  # bytes that cannot be read show no number: they are missed


def test_poison_goes_to_the_dead_letters_with_its_exact_bytes(path):
    path.send(1000, poison={3, 500, 999})
    path.start()
    path.wait()
    until(lambda: len(path.letters()) == 3, 20, "the letters")
    letters = path.letters().values()
    assert {letter["original_value"] for letter in letters} == path.poison
    assert {(letter["original_topic"], letter["error_type"]) for letter in letters} == {
        (topics.PLATES, "SCHEMA_VALIDATION")
    }
    assert_whole(path)


def test_a_zombie_writes_nothing_after_it_wakes(path):
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
    assert_whole(path)
    assert path.proof() == (900, 0, 0)
    assert not path.letters()


def test_it_ends_within_five_seconds_of_sigterm_under_load(path):
    process = path.start(BATCH_RECORDS="20")
    path.send(3000)
    until(lambda: len(path.stored()) > 100, 60, "it works")
    asked = time.monotonic()
    process.terminate()
    assert process.wait(10) == 0
    assert time.monotonic() - asked < 5
    path.start()
    path.wait()
    assert_whole(path)


def test_a_topic_that_is_read_again_adds_nothing(path):
    path.send(2000)
    process = path.start()
    path.wait()
    process.terminate()
    process.wait(10)
    with psycopg.connect(path.dsn) as connection:
        connection.execute(
            "UPDATE kafka_offsets SET next = next - 500 WHERE topic = %s AND next >= 500", (topics.PLATES,)
        )
        newest = connection.execute("SELECT max(feed_id) FROM plate_events").fetchone()
    path.start()
    path.send(100)
    path.wait()
    assert_whole(path)
    assert newest[0] <= 2000
    assert path.proof()[1:] == (0, 0)


@pytest.fixture
def own_database(path, tmp_path_factory):
    """A server that a test may kill."""
    from alpr_standalone.database import EmbeddedPostgres
    from alpr_storage_consumer.migrate import migrate

    folder = tmp_path_factory.mktemp("own")
    server = EmbeddedPostgres(folder)
    server.start()
    migrate(server.dsn)
    path.dsn = server.dsn
    path.begin()
    yield server
    for process in path.processes:
        process.kill()
    server.stop()
    remove_cluster(folder)


def killed(server):
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.alive(), 10, "the server's end")
    server.start()


def stopped_at_once(server):
    os.kill(server.pid, signal.SIGQUIT)
    until(lambda: not server.alive(), 10, "the server's end")
    server.start()


def backends_ended(server):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'alpr-storage-consumer'"
        )


def locked_for_long(server):
    with psycopg.connect(server.dsn) as connection:
        connection.execute("LOCK TABLE plate_events IN ACCESS EXCLUSIVE MODE")
        until(lambda: _waiting(server.dsn) == 0 and _gave_up(server.dsn), 20, "a writer that gave up")


def _waiting(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]


def _gave_up(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute("SELECT xact_rollback FROM pg_stat_database WHERE datname = 'alpr'").fetchone()[0] > 0


@pytest.mark.parametrize("fault", [killed, stopped_at_once, backends_ended, locked_for_long])
def test_an_outage_of_the_database_pauses_buries_nothing_and_is_over_soon(path, own_database, fault):
    path.start(BATCH_RECORDS="50", DB_LOCK_TIMEOUT_S="1")
    path.send(500)
    path.wait()
    path.send(1500)
    until(lambda: len(path.stored()) > 600, 60, "it works")
    fault(own_database)
    back = time.monotonic()
    before = len(path.stored())
    if before < len(path.sent):
        until(lambda: len(path.stored()) > before, 20, "it goes on")
        assert time.monotonic() - back < 5
    path.wait()
    assert_whole(path)
    assert path.proof() == (2000, 0, 0)
    assert not path.letters()
