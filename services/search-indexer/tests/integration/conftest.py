"""What the tests on real servers share: an engine with names of the test's own, rows, and documents read back."""

import random
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from alpr_schemas.identity import event_id, iso
from alpr_search_indexer.catalogue import Catalogue, Shape
from alpr_search_indexer.database import Database
from alpr_search_indexer.documents import ROW_COLUMNS
from alpr_search_indexer.errors import Unavailable
from alpr_search_indexer.indices import Names
from alpr_search_indexer.search_engine import SearchEngine
from alpr_search_indexer.settings import OpenSearchSettings
from alpr_search_indexer.writer import Pace, Writer
from alpr_testing.waiting import until

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def engine_url(opensearch):
    return opensearch.url


@pytest.fixture
def engine(engine_url):
    opened = SearchEngine(OpenSearchSettings(hosts=(engine_url,)))
    yield opened
    opened.close()


@pytest.fixture
def names(engine):
    prefix = f"t{uuid4().hex[:12]}-events"
    yield Names(prefix)
    for index in engine.find("GET", f"/{prefix}*/_settings/index.uuid", expand_wildcards="all") or {}:
        engine.find("DELETE", f"/{index}")
    engine.find("DELETE", f"/_index_template/{prefix}")


@pytest.fixture
def catalogue(engine, names):
    made = Catalogue(engine, names, Shape(refresh="200ms"))
    made.install()
    return made


@pytest.fixture
def writer(engine, catalogue):
    with closing(Writer(engine, catalogue.make_month, Pace(size=200, tries=4))) as opened:
        yield opened


@pytest.fixture
def reader(database):
    opened = Database(database)
    yield opened
    opened.close()


@pytest.fixture
def event():
    return make_event


@pytest.fixture
def store_rows(database):
    """Puts events into the database as the storage consumer would: a function of events."""
    return lambda events, **columns: insert(database, events, **columns)


@pytest.fixture
def held(engine, names):
    """The ids of all documents that readers find: a function."""
    return lambda: ids(engine, names.prefix)


def make_event(n, at=None, **more):
    """The decoded event number `n`: a second after the one before, unless `at` says otherwise."""
    at = at or START + timedelta(seconds=n)
    draw = random.Random(n)
    text = "".join(draw.choice("ABCDEFGHJKLMNPRSTUVXYZ0123456789") for _ in range(7))
    made = {
        "event_id": str(event_id(at, "north", f"cam-{n % 5}", "e", f"t-{n}")), "captured_at": iso(at),
        "camera_id": f"cam-{n % 5}", "track_id": f"t-{n}",
        "plate": {"text": text, "normalized_text": text, "confidence": 0.5, "region": "US-FL"},
        "vehicle": {"type": "car", "make": None, "model": None, "color": "red"},
        "images": {"plate_url": None, "vehicle_url": None, "frame_url": None}, "latency_ms": 42,
        "node": {"site": "north", "host": "n1"},
        "extras": {"roi": None, "direction": "away", "quality_score": 0.5, "frame_number": n}, "revision": 0,
        "candidates": [{"text": text, "confidence": 0.5}], "reads": 3, "box": {"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0},
        "first_seen_at": iso(at), "last_seen_at": iso(at), "resumed": False, "source_epoch": "e", "agent_id": "a",
        "boot_id": "b", "seq": n, "detector_digest": "", "reader_digest": "",
    }  # fmt: skip
    return {**made, **more}


def insert(dsn, events, **columns):
    from alpr_search_indexer.documents import of_event

    names = [*ROW_COLUMNS, *columns]
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        rows = [(*row_of(of_event(e, datetime.now(UTC))), *columns.values()) for e in events]
        marks = ", ".join(["%s"] * len(names))
        cursor.executemany(f"INSERT INTO plate_events ({', '.join(names)}) VALUES ({marks})", rows)


def row_of(d):
    import json

    p, v, i, x, n = d["plate"], d["vehicle"], d["images"], d["extras"], d["node"]
    return (
        d["event_id"], d["captured_at"], d["camera_id"], d["track_id"], p["text"], p["normalized_text"],
        p["confidence"], p["region"], v["type"], v["make"], v["model"], v["color"], i["plate_url"], i["vehicle_url"],
        i["frame_url"], d["latency_ms"], x["quality_score"], x["frame_number"], n["site"], n["host"], x["roi"],
        x["direction"], d["revision"], p["folded"], json.dumps(d["candidates"]), d["reads"],
        list(d["box"].values()) if d["box"] else None, d["first_seen_at"], d["last_seen_at"], d["resumed"],
        d["source_epoch"], d["agent_id"], d["boot_id"], d["seq"], d["detector_digest"], d["reader_digest"],
    )  # fmt: skip


def ids(engine, alias):
    """All that `alias` holds; an index that was made amid the question makes the engine refuse it for a moment."""
    found = []

    def answered():
        try:
            found.append(_ids(engine, alias))
        except Unavailable:
            return False
        return True

    until(answered, 20, "an answer of the engine")
    return found[-1]


def _ids(engine, alias):
    if engine.find("HEAD", f"/_alias/{alias}"):  # an index that was made just now has to begin
        engine.find("GET", f"/_cluster/health/{alias}", wait_for_status="yellow")
    engine.find("POST", f"/{alias}/_refresh")
    found, after = set(), {}
    while True:
        body = {"size": 5000, "_source": False, "sort": [{"event_id": "asc"}], **after}
        hits = engine.ask("POST", f"/{alias}/_search", body, ignore_unavailable="true")["hits"]["hits"]
        assert not found & {h["_id"] for h in hits}
        found |= {h["_id"] for h in hits}
        if len(hits) < 5000:
            return found
        after = {"search_after": hits[-1]["sort"]}
