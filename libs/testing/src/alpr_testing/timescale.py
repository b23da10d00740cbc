"""A TimescaleDB for tests: the real extension (2.23-dev) in a PostgreSQL 17 compiled to WebAssembly, in memory.

It is there to show that our SQL for TimescaleDB is right: hypertables, compression, continuous aggregates. It has one
session, through which one transaction goes at a time (`tools/servers/timescale/server.mjs`): connections share their
settings, temporary tables and session-level advisory locks, and a client that waits within a transaction for another
one's waits for ever. Its background jobs run only by `CALL run_job(id)`. It forgets everything when it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from alpr_testing.event_servers import TOOLS, node, server_folder
from alpr_testing.one_server import OneServer
from alpr_testing.ports import lasting_port


class Timescale(OneServer):
    """A running server; make one with `running_timescale`, or have a module's own by the fixture `timescale`.

    Attributes:
        port: where it listens; it keeps it over restarts.
    """

    name = "timescale"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = lasting_port()
        self._program = server_folder("timescale")

    @property
    def dsn(self) -> str:
        """Its address; the database has no table and the extension is not made yet."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres sslmode=disable gssencmode=disable"

    def _command(self) -> Sequence[str]:
        return [str(node()), str(TOOLS / "servers/timescale/server.mjs"), str(self._program), str(self.port)]

    def _answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.dsn, connect_timeout=2) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False


@contextmanager
def running_timescale(folder: Path) -> Iterator[Timescale]:
    """A server while this lasts; its log lies in `folder`."""
    one = Timescale(folder)
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def timescale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database of this module's tests, where `CREATE EXTENSION timescaledb` works."""
    with running_timescale(tmp_path_factory.mktemp("timescale")) as one:
        yield one.dsn
