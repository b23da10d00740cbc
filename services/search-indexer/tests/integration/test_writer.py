"""Documents on a real OpenSearch: everything once, each settled by itself, wherever the engine stops taking them."""

from datetime import UTC, datetime, timedelta

import pytest

from alpr_search_indexer.documents import line, of_event
from alpr_search_indexer.errors import Misdeployed, Unavailable
from alpr_search_indexer.indices import Month
from alpr_search_indexer.writer import Pace, Work, Writer

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC) + timedelta(days=365)


@pytest.fixture
def lines(names, event):
    return lambda events: [line(of_event(e, NOW), names.written) for e in events]


def test_every_document_is_found_by_the_readers_alias(writer, lines, event, held):
    events = [event(n) for n in range(1500)]
    work = Work(lines(events))
    writer.settle(work)
    assert (work.open, work.refused, work.indexed) == ([], [], 1500)
    assert held() == {e["event_id"] for e in events}


def test_a_replay_changes_nothing_and_a_newer_revision_replaces(writer, lines, event, held, engine, names):
    first = [event(n) for n in range(10)]
    writer.settle(Work(lines(first)))
    newer = event(3, revision=1, track_id="corrected")
    work = Work(lines([*first[:3], newer, *first]))
    writer.settle(work)
    assert (work.indexed, work.present) == (1, 13)
    assert len(held()) == 10
    found = engine.ask("GET", f"/{names.written(Month(2026, 11))}/_doc/{newer['event_id']}")["_source"]
    assert (found["track_id"], found["revision"]) == ("corrected", 1)


def test_row_09_a_revision_below_zero_stops_nobody(writer, lines, event, held):
    events = [event(0), event(1, revision=-1), event(2)]
    writer.settle(Work(lines(events)))
    assert held() == {e["event_id"] for e in events}


def test_row_15_a_replay_over_the_month_s_end_finds_the_same_indices(writer, lines, event, held, catalogue, names):
    edge = datetime(2026, 12, 1, tzinfo=UTC)
    events = [event(n, edge + timedelta(milliseconds=n - 50)) for n in range(100)]
    for _ in range(3):
        writer.settle(Work(lines(events)))
    assert catalogue.indices() == [names.generation(Month(2026, 11), 1), names.generation(Month(2026, 12), 1)]
    assert held() == {e["event_id"] for e in events}


def test_row_14_an_index_closed_for_writing_is_waited_for(writer, lines, event, held, engine, names):
    writer.settle(Work(lines([event(0)])))
    index = names.generation(Month(2026, 11), 1)
    engine.ask("PUT", f"/{index}/_settings", {"index.blocks.write": True})
    work = Work(lines([event(n) for n in range(50)]))
    with pytest.raises(Unavailable, match="closed for writing"):
        writer.settle(work)
    assert len(work.open) == 50
    engine.ask("PUT", f"/{index}/_settings", {"index.blocks.write": None})
    writer.settle(work)
    assert len(held()) == 50


def test_row_14_a_deleted_index_is_made_again_with_its_aliases(writer, lines, event, held, engine, names, catalogue):
    writer.settle(Work(lines([event(n) for n in range(20)])))
    engine.ask("DELETE", f"/{catalogue.holder(Month(2026, 11))}")
    writer.settle(Work(lines([event(n) for n in range(20, 40)])))
    assert held() == {event(n)["event_id"] for n in range(20, 40)}
    assert catalogue.holder(Month(2026, 11)) == names.generation(Month(2026, 11), 1)


def test_a_request_that_is_too_large_goes_in_halves(engine, catalogue, lines, event, held, monkeypatch):
    from alpr_search_indexer.search_engine import Refusal

    whole = engine.bulk

    def bulk(body, *, require_alias):
        if len(body) > 20_000:
            raise Refusal(413, "")
        return whole(body, require_alias=require_alias)

    monkeypatch.setattr(engine, "bulk", bulk)
    work = Work(lines([event(n) for n in range(100)]))
    Writer(engine, catalogue.make_month, Pace(threads=1)).settle(work)
    assert work.indexed == len(held()) == 100


def test_what_the_mapping_refuses_is_set_aside_without_its_plate(writer, lines, event, held):
    broken = event(5, latency_ms="AB12CDE")
    work = Work(lines([event(1), broken, event(2)]))
    writer.settle(work)
    assert [(refused.event_id, why) for refused, why in work.refused] == [
        (broken["event_id"], "OpenSearch: 400 mapper_parsing_exception in field latency_ms")
    ]
    assert len(held()) == 2


def test_a_field_that_the_index_does_not_know_is_a_fault_of_deployment(writer, lines, event):
    writer.settle(Work(lines([event(1)])))
    (unknown,) = lines([event(2, vehicle={"type": "car", "wheels": 4})])
    with pytest.raises(Misdeployed, match="alpr-reindex"):
        writer.settle(Work([unknown]))


def test_nobody_listening_is_an_outage(names, catalogue, lines, event):
    from alpr_search_indexer.search_engine import SearchEngine
    from alpr_search_indexer.settings import OpenSearchSettings
    from alpr_testing.ports import free_port

    away = SearchEngine(OpenSearchSettings(hosts=(f"http://127.0.0.1:{free_port()}",)))
    with pytest.raises(Unavailable, match="OPENSEARCH_HOSTS"):
        Writer(away, catalogue.make_month).settle(Work(lines([event(1)])))
