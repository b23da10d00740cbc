"""A month anew from the database, under writers that go on: what was there before, during and after is there once."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from alpr_search_indexer.documents import line, of_event
from alpr_search_indexer.errors import Unavailable
from alpr_search_indexer.indices import Month
from alpr_search_indexer.rebuild import Rebuild
from alpr_search_indexer.writer import Pace, Work, Writer

pytestmark = pytest.mark.integration
NOVEMBER = Month(2026, 11)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def rebuild(engine, catalogue, reader):
    return Rebuild(engine, catalogue, reader, Pace(size=500))


def lines(names, events):
    return [line(of_event(e, datetime.now(UTC) + timedelta(days=365)), names.written) for e in events]


def test_a_deleted_month_comes_back_from_the_database(
    rebuild, writer, engine, event, held, store_rows, names, catalogue
):
    events = [event(n) for n in range(3000)]
    store_rows(events)
    writer.settle(Work(lines(names, events)))
    engine.ask("DELETE", f"/{catalogue.holder(NOVEMBER)}")
    assert held() == set()
    assert rebuild.month(NOVEMBER) == 3000
    assert held() == {e["event_id"] for e in events}


def test_the_same_document_comes_from_the_event_and_from_the_row(rebuild, writer, engine, event, store_rows, names):
    made = event(1, images={"plate_url": "s/p.jpg", "vehicle_url": None, "frame_url": "s/f.jpg"})
    writer.settle(Work(lines(names, [made])))
    alias = names.written(NOVEMBER)
    before = engine.ask("GET", f"/{alias}/_doc/{made['event_id']}")["_source"]
    store_rows([made])
    rebuild.month(NOVEMBER)
    engine.ask("POST", f"/{alias}/_refresh")
    # The live one was copied over the row's; so the row alone, in a month that never had it:
    engine.ask("DELETE", f"/{names.generation(NOVEMBER, 2)}")
    rebuild.month(NOVEMBER)
    after = engine.ask("GET", f"/{alias}/_doc/{made['event_id']}")["_source"]
    assert {**before, "indexed_at": None} == {**after, "indexed_at": None}


def test_nothing_written_during_the_swap_is_lost_or_doubled(
    rebuild, engine, event, held, store_rows, names, catalogue, monkeypatch
):
    """A writer goes on all the while; half of what it writes never reaches the database, as if storage were behind."""
    old = [event(n) for n in range(2000)]
    store_rows(old)
    stop, written = threading.Event(), []

    def write():
        with closing(Writer(engine, catalogue.make_month, Pace(size=20, tries=50))) as writer:
            n = 10_000
            while not stop.is_set():
                batch = [
                    event(n + i, datetime(2026, 11, 20, tzinfo=UTC) + timedelta(milliseconds=n + i)) for i in range(20)
                ]
                writer.settle(Work(lines(names, batch)))
                written.extend(batch)
                n += 20

    with closing(Writer(engine, catalogue.make_month)) as first:
        first.settle(Work(lines(names, old)))
    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(5):
            rebuild.month(NOVEMBER)
    finally:
        stop.set()
        thread.join(30)
    assert len(written) > 100
    assert held() == {e["event_id"] for e in [*old, *written]}
    assert catalogue.indices() == [names.generation(NOVEMBER, 6)]


def test_rows_stored_behind_the_cursor_follow(rebuild, event, held, store_rows, monkeypatch):
    store_rows([event(n) for n in range(100, 200)])
    swapped = Rebuild._swapped

    def late(self, *args):
        store_rows([event(n) for n in range(50)])
        return swapped(self, *args)

    monkeypatch.setattr(Rebuild, "_swapped", late)
    rebuild.month(NOVEMBER)
    assert len(held()) == 150


@pytest.mark.parametrize("point", ["_swapped", "_settled"])
def test_a_rebuild_that_was_ended_goes_on_where_it_was(
    rebuild, event, held, store_rows, writer, names, catalogue, monkeypatch, point
):
    events = [event(n) for n in range(500)]
    store_rows(events)
    live = [event(n) for n in range(1000, 1100)]
    writer.settle(Work(lines(names, [*events, *live])))
    whole = getattr(Rebuild, point)
    monkeypatch.setattr(Rebuild, point, lambda *_: (_ for _ in ()).throw(Unavailable("killed")))
    with pytest.raises(Unavailable):
        rebuild.month(NOVEMBER)
    monkeypatch.setattr(Rebuild, point, whole)
    asked = []
    page = rebuild._database.page
    monkeypatch.setattr(
        rebuild._database,
        "page",
        lambda since, until, after, limit: asked.append(after) or page(since, until, after, limit),
    )
    rebuild.month(NOVEMBER)
    assert None not in asked  # no page again from the start
    assert held() == {e["event_id"] for e in [*events, *live]}
    assert catalogue.indices() == [names.generation(NOVEMBER, 2)]


def test_an_index_of_the_old_system_gives_way(rebuild, engine, event, held, store_rows, names, catalogue):
    engine.ask("DELETE", f"/_index_template/{names.prefix}")
    engine.ask("PUT", f"/{names.written(NOVEMBER)}/_doc/x", {"event_id": "x", "plate": {"text": "of old"}})
    catalogue_install = catalogue.install
    store_rows([event(n) for n in range(10)])
    with pytest.raises(Exception, match="alpr-reindex"):
        catalogue_install()
    rebuild.month(NOVEMBER)
    assert len(held()) == 10
    assert catalogue.holder(NOVEMBER) == names.generation(NOVEMBER, 1)
    catalogue_install()


def test_readers_by_wildcard_never_see_a_generation_in_the_making(
    rebuild, engine, event, store_rows, names, monkeypatch
):
    store_rows([event(n) for n in range(10)])
    rebuild.month(NOVEMBER)
    seen = []
    swapped = Rebuild._swapped

    def look(self, *args):
        seen.append(engine.ask("GET", f"/{names.pattern}/_count")["count"])
        return swapped(self, *args)

    monkeypatch.setattr(Rebuild, "_swapped", look)
    rebuild.month(NOVEMBER)
    assert seen == [10]
