"""Template, months and retention on a real OpenSearch."""

from datetime import UTC, datetime, timedelta

import pytest

from alpr_search_indexer.catalogue import Catalogue
from alpr_search_indexer.errors import Misdeployed
from alpr_search_indexer.indices import Month
from alpr_search_indexer.template import PROPERTIES, missing_from

pytestmark = pytest.mark.integration


def test_the_engine_takes_the_template_as_it_is_written(engine, catalogue, names):
    catalogue.make_month(Month(2026, 11))
    index = names.generation(Month(2026, 11), 1)
    told = engine.ask("GET", f"/{index}")[index]
    assert missing_from(told["mappings"]) == []
    assert told["mappings"]["dynamic"] == "strict"
    assert set(told["aliases"]) == {names.prefix, names.written(Month(2026, 11))}


def test_another_template_of_a_higher_priority_is_told_at_start(engine, catalogue, names):
    other = {"index_patterns": [f"{names.prefix}-*"], "priority": 900, "template": {"mappings": {"dynamic": "true"}}}
    engine.ask("PUT", f"/_index_template/{names.prefix}-other", other)
    try:
        with pytest.raises(Misdeployed, match="higher priority"):
            catalogue.install()
    finally:
        engine.ask("DELETE", f"/_index_template/{names.prefix}-other")


def test_another_template_of_the_same_priority_is_told_at_start(engine, names):
    other = {"index_patterns": [f"{names.prefix}-*"], "priority": 500, "template": {}}
    engine.ask("PUT", f"/_index_template/{names.prefix}-other", other)
    try:
        with pytest.raises(Misdeployed, match="same priority"):
            Catalogue(engine, names).install()
    finally:
        engine.ask("DELETE", f"/_index_template/{names.prefix}-other")


def test_an_index_of_an_older_version_learns_its_new_fields(engine, catalogue, names):
    engine.ask("DELETE", f"/_index_template/{names.prefix}")
    older = {name: field for name, field in PROPERTIES.items() if field.get("type") in ("long", "integer", "date")}
    index = names.generation(Month(2026, 10), 1)
    engine.ask("PUT", f"/{index}", {"mappings": {"dynamic": "strict", "properties": older}})
    with pytest.raises(Misdeployed, match="alpr-reindex"):  # its analyzers cannot be taught
        catalogue.install()


def test_an_index_with_a_field_of_another_kind_is_told_at_start(engine, catalogue, names):
    engine.ask("DELETE", f"/_index_template/{names.prefix}")
    engine.ask(
        "PUT", f"/{names.generation(Month(2026, 10), 1)}", {"mappings": {"properties": {"seq": {"type": "text"}}}}
    )
    with pytest.raises(Misdeployed, match=r"alpr-reindex --from-db --since 2026-10"):
        catalogue.install()


def test_a_month_is_made_once_whoever_asks(catalogue, names):
    for _ in range(3):
        catalogue.make_month(Month(2026, 11))
    assert catalogue.indices() == [names.generation(Month(2026, 11), 1)]


def test_months_past_their_keep_are_deleted_and_no_others(catalogue, names, engine):
    now = datetime(2026, 11, 23, tzinfo=UTC)
    for month in (Month(2026, 7), Month(2026, 8), Month(2026, 11)):
        catalogue.make_month(month)
    engine.ask("PUT", f"/{names.prefix}-else", {"mappings": {}})
    try:
        assert catalogue.retire(now, timedelta(days=90)) == [names.generation(Month(2026, 7), 1)]
        assert catalogue.retire(now, None) == []
        assert catalogue.indices() == [names.generation(m, 1) for m in (Month(2026, 8), Month(2026, 11))]
        assert engine.find("GET", f"/{names.prefix}-else") is not None
    finally:
        engine.ask("DELETE", f"/{names.prefix}-else")


def test_plates_are_found_by_part_by_look_alike_and_by_text(engine, catalogue, names, writer, event):
    from alpr_search_indexer.documents import line, of_event
    from alpr_search_indexer.writer import Work

    plate = {"text": "AB 12-OB", "normalized_text": "AB12OB", "confidence": 0.5, "region": None}
    writer.settle(Work([line(of_event(event(1, plate=plate), datetime.now(UTC) + timedelta(days=365)), names.written)]))
    engine.ask("POST", f"/{names.prefix}/_refresh")

    def found(query):
        return engine.ask("POST", f"/{names.prefix}/_search", {"query": query})["hits"]["total"]["value"]

    assert found({"wildcard": {"plate.normalized_text.wildcard": "*12O*"}}) == 1
    assert found({"term": {"plate.folded": "A8120" + "8"}}) == 1
    assert found({"match": {"plate.text": "ab12ob"}}) == 1
    assert found({"match": {"plate.text": "12"}}) == 1
    assert found({"multi_match": {"query": "AB12OX", "fields": ["plate.normalized_text"], "fuzziness": "AUTO"}}) == 1
    assert found({"term": {"plate.text.keyword": "AB 12-OB"}}) == 1
    assert found({"match": {"camera_id.text": "CAM"}}) == 1
    assert found({"term": {"plate.normalized_text": "XX"}}) == 0
