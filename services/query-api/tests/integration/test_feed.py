"""The live feed: every reading once, in the order of storing, over breaks too."""

import json
import threading
import time

import httpx
import pytest

from alpr_testing.api import running_api
from alpr_testing.readings import reading, store_all

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


def read(api, wanted, headers=None, **parameters):
    """The first `wanted` readings of a feed: (feed id, plate)."""
    found = []
    address = f"{api.url}/events/stream"
    with httpx.stream("GET", address, params=parameters, headers=headers, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = number = None
        for line in answer.iter_lines():
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "id":
                number = int(value)
            elif key == "data" and name == "reading":
                found.append((number, json.loads(value)["plate_normalized_text"]))
                if len(found) == wanted:
                    return found
    return found


def test_what_was_stored_while_away_comes_first_and_nothing_twice(api):
    store_all(api.database, [reading(n, f"P{n}") for n in range(5)])
    first = read(api, 3, after=0)
    assert [plate for _, plate in first] == ["P0", "P1", "P2"]
    rest = read(api, 2, headers={"Last-Event-ID": str(first[-1][0])})
    assert [plate for _, plate in rest] == ["P3", "P4"]


def test_a_feed_from_now_on_holds_only_what_is_new(api):
    store_all(api.database, [reading(1, "OLD")])
    found = []
    reader = threading.Thread(target=lambda: found.extend(read(api, 1)))
    reader.start()
    deadline = time.monotonic() + 10
    number = 2
    while reader.is_alive() and time.monotonic() < deadline:
        store_all(api.database, [reading(number, "NEW")])
        reader.join(0.05)
        number += 1
    assert [plate for _, plate in found] == ["NEW"]


def test_many_writers_at_once_leave_no_gap(api):
    writers = [
        threading.Thread(target=store_all, args=(api.database, [reading(100 * w + n, f"W{w}N{n}") for n in range(20)]))
        for w in range(4)
    ]
    found = []
    reader = threading.Thread(target=lambda: found.extend(read(api, 80, after=0)))
    reader.start()
    for writer in writers:
        writer.start()
    for thread in (*writers, reader):
        thread.join(20)
    assert sorted(plate for _, plate in found) == sorted(f"W{w}N{n}" for w in range(4) for n in range(20))
    assert [number for number, _ in found] == sorted(number for number, _ in found)


def test_an_open_feed_does_not_hold_a_stop_up(database, tmp_path):
    ended = threading.Event()

    def follow(api):
        with httpx.stream("GET", f"{api.url}/events/stream", timeout=30) as answer:
            lines = answer.iter_lines()
            next(lines)
            opened.set()
            list(lines)
        ended.set()

    opened = threading.Event()
    with running_api(database, tmp_path) as api:
        threading.Thread(target=follow, args=(api,), daemon=True).start()
        assert opened.wait(10)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert ended.wait(5)
