"""Each way to look for a plate can use an index; what reads the whole table does not pass as a search."""

import json

import psycopg
import pytest

from alpr_query_api import queries
from alpr_query_api.plates import plate_pattern
from alpr_query_api.queries import Filters
from alpr_storage_consumer.migrate import migrate
from alpr_testing.postgres import fresh_database

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def database(postgres):
    with fresh_database(postgres) as dsn:
        migrate(dsn)
        with psycopg.connect(dsn) as connection:
            connection.execute("SET enable_seqscan = off")  # an empty table would be read whole otherwise
            yield connection


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.parametrize(
    ("text", "lookalikes", "index"),
    [
        ("AB12CDE", False, "plate_normalized_text"),
        ("AB12*", False, "plate_normalized_text"),
        ("*B12C*", False, "plate_folded"),
        ("AB12CDE", True, "plate_folded"),
        ("*B12C*", True, "plate_folded"),
    ],
)
def test_a_plate_is_looked_for_by_an_index(database, text, lookalikes, index):
    statement, values = queries.search(Filters(plate=plate_pattern(text), lookalikes=lookalikes), 10)
    assert any(index in name for name in indexes(database, statement, values))


@pytest.mark.parametrize("text", ["AB12CDE", "*12C*"])
def test_a_part_a_lookalike_and_a_near_plate_are_looked_for_by_an_index(database, text):
    statement, values = queries.near_plates(plate_pattern(text), Filters(), 10, 0)
    assert any("plate_folded" in name for name in indexes(database, statement, values))


def indexes(database, statement, values):
    explained = database.execute(b"EXPLAIN (FORMAT json) " + statement.as_string(database).encode(), values).fetchone()
    found = json.loads(explained[0]) if isinstance(explained[0], str) else explained[0]
    return [node["Index Name"] for node in nodes(found[0]["Plan"]) if "Index Name" in node]
