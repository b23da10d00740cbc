"""The writer's rounds with an engine that answers as told: what goes again, how it is parted, when it gives up."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpr_search_indexer.documents import Line
from alpr_search_indexer.errors import Misdeployed, Unavailable
from alpr_search_indexer.indices import Month
from alpr_search_indexer.search_engine import Refusal
from alpr_search_indexer.writer import Pace, Work, Writer

NOVEMBER = Month(2026, 11)
FAST = Pace(size=10, threads=2, tries=4, first_delay_s=0.001, longest_delay_s=0.002)


class PlayedEngine:
    """Answers each document by what `says(id, nth time it comes)` returns: a status, or an error to raise."""

    def __init__(self, says):
        self.says = says
        self.came = {}
        self.requests = []

    def bulk(self, body, *, require_alias):
        assert require_alias
        ids = [json.loads(action)["id"] for action in body.splitlines()]
        self.requests.append(ids)
        statuses = []
        for one in ids:
            self.came[one] = self.came.get(one, 0) + 1
            status = self.says(one, self.came[one])
            if isinstance(status, Exception):
                raise status
            statuses.append({"status": status, "error": {"type": "x"}})
        return None if all(s["status"] in (200, 201) for s in statuses) else statuses


def lines(count):
    at = datetime(2026, 11, 1, tzinfo=UTC)
    return [Line(str(n), NOVEMBER, 0, at, json.dumps({"id": n}).encode() + b"\n") for n in range(count)]


def settled(says, count=35, pace=FAST, made=None):
    engine, work = PlayedEngine(says), Work(lines(count))
    writer = Writer(engine, (made if made is not None else []).append, pace)
    try:
        writer.settle(work)
    finally:
        writer.close()
    return engine, work


def test_only_what_found_no_room_comes_again():
    engine, work = settled(lambda n, nth: 429 if n % 7 == 0 and nth < 3 else 201)
    assert {n: times for n, times in engine.came.items() if times > 1} == dict.fromkeys(range(0, 35, 7), 3)
    assert (work.open, work.indexed) == ([], 35)


def test_a_month_that_is_missing_is_made_once_and_its_documents_come_again():
    made = []
    _, work = settled(lambda _, nth: 404 if nth == 1 else 201, made=made)
    assert set(made) == {NOVEMBER}
    assert work.indexed == 35


def test_no_room_for_ever_is_an_outage_that_keeps_what_is_open():
    engine, work = PlayedEngine(lambda n, _: 503 if n < 5 else 201), Work(lines(35))
    writer = Writer(engine, lambda _: None, FAST)
    with pytest.raises(Unavailable, match="5 documents"):
        writer.settle(work)
    assert ([line.event_id for line in work.open], work.indexed) == (["0", "1", "2", "3", "4"], 30)
    engine.says = lambda *_: 201
    writer.settle(work)
    assert (work.open, work.indexed, engine.came[20]) == ([], 35, 1)
    writer.close()


def test_an_engine_that_goes_away_is_told_at_once_and_answers_that_came_count():
    engine, work = PlayedEngine(lambda n, _: Unavailable("gone") if n == 0 else 201), Work(lines(20))
    writer = Writer(engine, lambda _: None, FAST)
    with pytest.raises(Unavailable, match="gone"):
        writer.settle(work)
    assert (len(work.open), work.indexed) == (10, 10)
    writer.close()


def test_what_is_refused_is_set_aside_with_its_reason():
    _, work = settled(lambda n, _: 400 if n == 3 else 409 if n == 4 else 201)
    assert [(line.event_id, why) for line, why in work.refused] == [("3", "OpenSearch: 400 x")]
    assert (work.indexed, work.present, work.open) == (33, 1, [])


def test_a_request_that_is_refused_as_a_whole_is_a_fault_of_deployment():
    with pytest.raises(Misdeployed):
        settled(lambda *_: Refusal(406, "x"))


def test_one_document_that_is_too_large_alone_is_refused():
    engine = PlayedEngine(lambda *_: 201)
    bulk = engine.bulk

    def narrow(body, *, require_alias):
        if b'"id": 3}' in body:
            raise Refusal(413, "")
        return bulk(body, require_alias=require_alias)

    engine.bulk, work = narrow, Work(lines(10))
    Writer(engine, lambda _: None, Pace(threads=1)).settle(work)
    assert ([line.event_id for line, _ in work.refused], work.indexed) == (["3"], 9)


def test_an_empty_batch_asks_nothing():
    engine, work = settled(lambda *_: 201, count=0)
    assert (engine.requests, work.open) == ([], [])


@given(st.integers(1, 500), st.integers(1, 50), st.integers(1, 8))
def test_parts_are_even_whole_and_in_order(count, size, threads):
    writer = Writer(PlayedEngine(None), lambda _: None, Pace(size=size, threads=1))
    writer._pace = Pace(size=size, threads=threads)
    given_lines = lines(count)
    parts = writer._parts(given_lines)
    assert [line for part in parts for line in part] == given_lines
    assert max(map(len, parts)) <= size
    assert len(parts) < -(-count // size) + threads
