from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import errors, sql

pytestmark = pytest.mark.integration
_START = datetime(2026, 1, 1, tzinfo=UTC)
_COUNT = sql.SQL("SELECT count(*) FROM {}")


@pytest.fixture
def connection(timescale: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(timescale, autocommit=True) as one:
        one.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        yield one


@pytest.fixture
def readings(connection: psycopg.Connection, request: pytest.FixtureRequest) -> sql.Identifier:
    """A hypertable of the test alone."""
    name = request.node.name
    table = sql.Identifier(name)
    connection.execute(sql.SQL("CREATE TABLE {} (at timestamptz NOT NULL, camera int, plate text)").format(table))
    connection.execute("SELECT create_hypertable(%s::regclass, by_range('at', INTERVAL '1 day'))", (name,))
    return table


def _rows(count: int) -> list[tuple[datetime, int, str]]:
    return [(_START + timedelta(hours=n), n % 3, f"AB{n}") for n in range(count)]


def _copy(connection: psycopg.Connection, table: sql.Identifier, rows: list[tuple[datetime, int, str]]) -> None:
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(table)) as copy:
        copy.set_types(["timestamptz", "int4", "text"])
        for row in rows:
            copy.write_row(row)


def test_rows_copied_in_lie_in_a_chunk_a_day(connection: psycopg.Connection, readings: sql.Identifier) -> None:
    _copy(connection, readings, _rows(72))
    assert connection.execute(_COUNT.format(readings)).fetchone() == (72,)
    chunks = connection.execute("SELECT count(*) FROM show_chunks(%s::regclass)", (readings.as_string(None),))
    assert chunks.fetchone() == (3,)


def test_a_continuous_aggregate_counts_by_hours(connection: psycopg.Connection, readings: sql.Identifier) -> None:
    _copy(connection, readings, _rows(48))
    connection.execute(
        sql.SQL(
            "CREATE MATERIALIZED VIEW days WITH (timescaledb.continuous) AS"
            " SELECT time_bucket(INTERVAL '1 day', at) AS day, count(*) AS readings FROM {} GROUP BY 1 WITH NO DATA"
        ).format(readings)
    )
    connection.execute("CALL refresh_continuous_aggregate('days', NULL, NULL)")
    assert connection.execute("SELECT readings FROM days ORDER BY day").fetchall() == [(24,), (24,)]


def test_a_copy_that_is_refused_ends_its_transaction_only(
    connection: psycopg.Connection, readings: sql.Identifier
) -> None:
    with pytest.raises(errors.UndefinedTable):
        _copy(connection, sql.Identifier("nowhere"), _rows(3))
    connection.execute("BEGIN")
    _copy(connection, readings, _rows(3))
    with pytest.raises(errors.UndefinedTable):
        connection.execute("SELECT * FROM nowhere")
    connection.execute("ROLLBACK")
    assert connection.execute(_COUNT.format(readings)).fetchone() == (0,)


def test_many_clients_wait_for_one_another(
    timescale: str, connection: psycopg.Connection, readings: sql.Identifier
) -> None:
    insert = sql.SQL("INSERT INTO {} VALUES (%s, %s, %s)").format(readings)

    def put(_: int) -> None:
        with psycopg.connect(timescale) as one:
            for row in _rows(20):  # often enough for psycopg to prepare the statement, under the same name everywhere
                with one.transaction():
                    one.execute(insert, row)
                    one.execute(_COUNT.format(readings))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(put, range(6)))
    assert connection.execute(_COUNT.format(readings)).fetchone() == (120,)


def test_a_client_that_goes_amid_its_transaction_takes_it_along(
    timescale: str, connection: psycopg.Connection, readings: sql.Identifier
) -> None:
    gone = psycopg.connect(timescale)
    gone.execute(sql.SQL("INSERT INTO {} VALUES (now(), 1, 'AB1')").format(readings))
    gone.close()
    assert connection.execute(_COUNT.format(readings)).fetchone() == (0,)
