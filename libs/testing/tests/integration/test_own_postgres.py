from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import errors

from alpr_testing.own_postgres import OwnPostgres

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("end", [OwnPostgres.kill, OwnPostgres.stop_immediately, OwnPostgres.stop])
def test_it_returns_with_what_was_committed_and_nothing_else(
    own_postgres: OwnPostgres, end: Callable[[OwnPostgres], None]
) -> None:
    open_one = psycopg.connect(own_postgres.dsn)
    with open_one.transaction():
        open_one.execute("CREATE TABLE kept AS SELECT generate_series(1, 100) AS n")
    open_one.execute("INSERT INTO kept VALUES (101)")
    end(own_postgres)
    with pytest.raises(psycopg.OperationalError):
        open_one.execute("SELECT 1")
    open_one.close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(own_postgres.dsn)
    own_postgres.start()
    with psycopg.connect(own_postgres.dsn) as again:
        assert again.execute("SELECT count(*) FROM kept").fetchone() == (100,)


def test_a_paused_server_lets_its_clients_wait(own_postgres: OwnPostgres) -> None:
    own_postgres.pause()
    try:
        with pytest.raises(errors.ConnectionTimeout):
            psycopg.connect(own_postgres.dsn, connect_timeout=2)
    finally:
        own_postgres.resume()
    with psycopg.connect(own_postgres.dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
