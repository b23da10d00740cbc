"""A PostgreSQL of a test's own, to be killed, stopped at once, paused and started again on its data."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from alpr_standalone.database import EmbeddedPostgres
from alpr_testing.postgres import remove_cluster
from alpr_testing.waiting import until


class OwnPostgres:
    """A running server; make one with `running_postgres`, or have a test's own by the fixture `own_postgres`."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedPostgres(folder)

    @property
    def dsn(self) -> str:
        """Its address, the same over restarts; the database is empty at first."""
        return self._server.dsn

    def start(self) -> None:
        """Start it, on the data that is there, and wait until it answers."""
        self._server.start()

    def stop(self) -> None:
        """End it politely: its sessions are cut, what they committed is on the disk."""
        self._server.stop()

    def stop_immediately(self) -> None:
        """End it as a failing machine's service manager does (SIGQUIT): its next start has to recover."""
        self._end([self._pid()], signal.SIGQUIT)

    def kill(self) -> None:
        """End it by SIGKILL, its sessions too; its data stays."""
        self._end(self._all(), signal.SIGKILL)

    def restart(self) -> None:
        """End it politely and start it again."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stop it and its sessions amid whatever they do; connections stay open."""
        _tell(self._all(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        _tell(self._all(), signal.SIGCONT)

    def close(self) -> None:
        """End it for good, whatever state it is in."""
        if self._server.alive():
            self.resume()
        self.stop()

    def _pid(self) -> int:
        pid = self._server.pid
        if pid is None:
            raise RuntimeError("PostgreSQL does not run: start it first")
        return pid

    def _all(self) -> list[int]:
        """The server, then its sessions and workers: each of them leads a process group of its own."""
        pid = self._pid()
        return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def _end(self, pids: list[int], number: signal.Signals) -> None:
        _tell(pids, number)
        until(lambda: not self._server.alive(), 30, "PostgreSQL ends")


def _tell(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # a session may end by itself
            os.kill(pid, number)


@contextmanager
def running_postgres(folder: Path) -> Iterator[OwnPostgres]:
    """A server with its data in `folder`, while this lasts."""
    one = OwnPostgres(folder)
    try:
        one.start()
        yield one
    finally:
        one.close()
        remove_cluster(folder)


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[OwnPostgres]:
    """A server of this test alone; take it only to do something to it, for it takes a second to start."""
    with running_postgres(tmp_path / "own-postgres") as one:
        yield one
