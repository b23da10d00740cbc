"""A database that fails in every way it can: the consumer pauses, buries nothing and goes on (row 11)."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


def killed(server, meet):
    server.kill()
    meet("the outage is told")
    server.start()


def stopped_at_once(server, meet):
    server.stop_immediately()
    meet("the outage is told")
    server.start()


def backends_ended(server, meet):
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'alpr-storage-consumer'"
        )
    meet("the outage is told")


def locked_for_long(server, meet):
    with psycopg.connect(server.dsn) as connection:
        connection.execute("LOCK TABLE plate_events IN ACCESS EXCLUSIVE MODE")
        meet("a writer that gave up")


@pytest.mark.parametrize("fault", [killed, stopped_at_once, backends_ended, locked_for_long])
def test_row_11_an_outage_of_the_database_pauses_buries_nothing_and_is_over_soon(own_path, own_postgres, fault):
    own_path.start(BATCH_RECORDS="50", DB_LOCK_TIMEOUT_S="1")
    own_path.send(500)
    own_path.wait()
    own_path.send(1500)
    until(lambda: len(own_path.stored()) > 600, 60, "it works")

    def meet(what):
        own_path.send(1500)  # however fast the consumer was, it has something left to meet the fault with
        until(lambda: '"outage"' in own_path.log(), 30, what)

    fault(own_postgres, meet)
    back, before = time.monotonic(), len(own_path.stored())
    until(lambda: len(own_path.stored()) > before or own_path.stored_all(), 20, "it goes on")
    assert time.monotonic() - back < 5
    own_path.wait()
    own_path.assert_whole()
    assert own_path.proof() == (3500, 0, 0)
    assert not own_path.letters()


def test_row_11_a_database_that_lost_what_it_confirmed_is_given_it_again(own_path, own_postgres, tmp_path):
    """As after a failover to a standby that lagged behind: its clients meet an earlier state, at the same address."""
    with psycopg.connect(own_postgres.dsn) as connection:
        folder = Path(connection.execute("SHOW data_directory").fetchone()[0])
    own_path.start()
    own_path.send(300)
    own_path.wait()
    own_postgres.stop()
    subprocess.run(["cp", "-a", folder, tmp_path / "earlier"], check=True)
    own_postgres.start()
    own_path.send(200)
    own_path.wait()
    own_postgres.kill()
    shutil.rmtree(folder)
    subprocess.run(["cp", "-a", tmp_path / "earlier", folder], check=True)
    own_postgres.start()
    assert len(own_path.stored()) == 300
    own_path.wait()  # nothing more comes: the consumer looks by itself now and then
    own_path.assert_whole()
    assert own_path.proof() == (500, 0, 0)
    assert not own_path.letters()
    assert '"rewound"' in own_path.log()


def test_a_restored_database_without_offsets_is_filled_from_the_beginning(path):
    process = path.start()
    path.send(50)
    path.wait()
    process.terminate()
    process.wait(20)
    with psycopg.connect(path.dsn) as connection:
        connection.execute("TRUNCATE kafka_offsets, plate_events, agent_ledger, agent_boots")
    path.start(DLQ_MAX_SHARE="1", DLQ_MAX_IN_A_ROW="1000000")  # the topic holds other tests' poison, too
    until(lambda: path.sent <= set(path.stored()), 120, "it is there again, whatever Kafka keeps for the group", 0.5)


@pytest.fixture
def small_disk(own_postgres):
    """A disk of 24 MB that belongs to the server's user."""
    with psycopg.connect(own_postgres.dsn) as connection:
        owner = Path(connection.execute("SHOW data_directory").fetchone()[0]).stat()
    above = Path(tempfile.mkdtemp())
    above.chmod(0o755)
    folder = above / "disk"
    folder.mkdir()
    told = f"size=24m,mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", told, "tmpfs", folder], check=True)
    yield folder
    own_postgres.stop()
    subprocess.run(["umount", folder], check=True)
    shutil.rmtree(above)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk")
def test_row_11_a_full_disk_of_the_database_delays_and_buries_nothing(own_path, own_postgres, small_disk):
    with psycopg.connect(own_postgres.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
        connection.execute("ALTER DATABASE alpr SET default_tablespace = small")
    own_path.start()
    own_path.send(500)
    own_path.wait()
    fill(small_disk / "ballast")
    own_path.send(3000)
    until(lambda: "DiskFull 53100" in own_path.log(), 60, "the full disk is told")
    assert len(own_path.stored()) < 3500
    (small_disk / "ballast").unlink()
    own_path.wait()
    own_path.assert_whole()
    assert own_path.proof() == (3500, 0, 0)
    assert not own_path.letters()


def fill(path):
    with path.open("wb", buffering=0) as out:
        while True:
            try:
                out.write(bytes(1 << 12))
            except OSError:
                return
