"""PostgreSQL out of a wheel, beside us: over a Unix socket, as a plain user even where we are root."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg
import structlog

from alpr_standalone.errors import DatabaseFailed
from alpr_standalone.postgres_home import Home, home_for

NAME = "alpr"
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "min_wal_size": "80MB",
    "log_min_messages": "warning",
    "jit": "off",
}
log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """A server for one data folder; started and stopped by its owner, found again after a kill of either."""

    def __init__(self, data_dir: Path) -> None:
        self._home: Home = home_for(data_dir)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Where clients connect; it holds no secret: the socket's folder is closed to others."""
        return f"host={self._home.sockets} port=5432 user={NAME} dbname={NAME}"

    def start(self) -> None:
        """Start the server, made first where it is new; returns when it answers. Raises DatabaseFailed."""
        if self.alive():  # asking also reaps a dead one, whose pid would hold the cluster
            return
        self._home.make()
        if not (self._home.cluster / "PG_VERSION").exists():
            self._initdb()
        self._end_orphan()
        with self._open_log() as out:
            self._process = self._spawn(["postgres", *self._arguments()], out)
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server and wait for it; a server that does not run is fine."""
        if self._process is None:
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, hard
            if self._process.poll() is None:
                self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_WITHIN_S)
                break
        self._process = None

    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._process.pid if self._process is not None and self.alive() else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _arguments(self) -> list[str]:
        settings = {**_SETTINGS, "unix_socket_directories": str(self._home.sockets), "unix_socket_permissions": "0700"}
        return ["-D", str(self._home.cluster), *(f"--{key}={value}" for key, value in settings.items())]

    def _initdb(self) -> None:
        """Make the cluster beside its place and move it there: a kill in between leaves no half of one."""
        half = self._home.fresh_folder()
        arguments = ["-D", str(half), "-U", NAME, "--auth=trust", "-E", "UTF8", "--no-locale", "--no-instructions"]
        with self._open_log() as out:
            code = self._spawn(["initdb", *arguments], out).wait()
        if code != 0:
            raise self._failed("cannot be made")
        half.rename(self._home.cluster)

    def _spawn(self, argv: Sequence[str], out: IO[bytes]) -> subprocess.Popen[bytes]:
        """In a process group of its own: Ctrl-C in the terminal is ours to pass on, after the others have ended."""
        owner = self._home.owner
        return subprocess.Popen(
            [str(self._home.binaries / argv[0]), *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=self._home.sockets,
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", "")},
            process_group=0,
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )

    def _open_log(self) -> IO[bytes]:
        return self._home.log.open("ab")

    def _end_orphan(self) -> None:
        """End what outlived a killed parent or a killed server: both hold the cluster against a new one."""
        cluster = self._home.cluster
        pid = _server_of(cluster)
        if pid is not None:
            log.info("orphan_database_found", pid=pid)
            _signal(pid, signal.SIGINT)
            self._until(lambda: _server_of(cluster) != pid, f"is held by process {pid}, which does not end")
        for backend in _backends_of(cluster):
            _signal(backend, signal.SIGKILL)
        self._until(lambda: not _backends_of(cluster), "is held by backends of a killed server, which do not end")

    def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + STOP_WITHIN_S
        while not condition():
            if time.monotonic() > deadline:
                raise self._failed(otherwise)
            time.sleep(0.05)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if not self.alive():
                raise self._failed("ended at its start")
            try:
                with psycopg.connect(self.dsn.replace(f"dbname={NAME}", "dbname=postgres"), autocommit=True) as c:
                    _ensure_database(c)
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise self._failed("does not answer")

    def _failed(self, what: str) -> DatabaseFailed:
        with suppress(OSError):
            last = self._home.log.read_text(errors="replace").strip().splitlines()[-3:]
            return DatabaseFailed(f"database {self._home.cluster} {what}: {' | '.join(last)}")
        return DatabaseFailed(f"database {self._home.cluster} {what}")


def _ensure_database(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone() is None:
        connection.execute(f"CREATE DATABASE {NAME}")


def _server_of(cluster: Path) -> int | None:
    """The pid in postmaster.pid, if it is a postgres of this cluster; a number that went to another is none."""
    try:
        pid = int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (OSError, ValueError):
        return None
    return pid if words and Path(words[0]).name == "postgres" and str(cluster) in words else None


def _backends_of(cluster: Path) -> list[int]:
    """Processes of a server of this cluster: its backends work in that folder, also after it was killed."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or is another user's
            if (process / "cwd").readlink() == cluster and (process / "exe").readlink().name == "postgres":
                found.append(int(process.name))
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
