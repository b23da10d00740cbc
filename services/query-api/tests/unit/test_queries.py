from datetime import UTC, datetime
from uuid import UUID

from alpr_query_api import queries
from alpr_query_api.plates import plate_pattern
from alpr_query_api.queries import Filters
from alpr_schemas.identity import event_id

AT = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)


def test_values_never_become_part_of_a_statement():
    hostile = "x'; DROP TABLE plate_events; --"
    statement, values = queries.search(Filters(camera=hostile, site=hostile, vehicle_type=hostile), 10)
    assert "DROP" not in statement.as_string(None)
    assert values["camera"] == hostile


def test_only_what_is_asked_for_narrows():
    _, values = queries.search(Filters(end=AT), 10)
    assert values == {"end": AT, "limit": 10, "offset": 0}


def test_an_id_that_holds_its_time_is_looked_for_there_alone():
    _, values = queries.one(UUID(str(event_id(AT, "north", "gate", "epoch", "t-1"))))
    assert values["since"] <= AT < values["until"]
    assert "since" not in queries.one(UUID(int=4 << 76 | 2 << 62))[1]


def test_percent_and_underscore_of_a_search_text_mean_themselves():
    _, values = queries.named("50%_\\", Filters(), 10, 0)
    assert values["words"] == "%50\\%\\_\\\\%"


def test_a_wildcard_search_looks_at_plates_alone():
    pattern = plate_pattern("AB*")
    assert pattern is not None
    statement, values = queries.near_plates(pattern, Filters(), 10, 0)
    assert values["like"] == "AB%"
    assert "camera_id ILIKE" not in statement.as_string(None)
