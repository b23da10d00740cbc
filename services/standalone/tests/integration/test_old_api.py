"""Recorded calls of every route of the API before this one, against a whole `alpr up`: the old keys are there."""

import json
from pathlib import Path

import httpx
import pytest

from alpr_simulator.demo import ensure_demo_clip
from alpr_standalone.sources import manifests_for_demo
from alpr_testing.chaos import Upped
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
RECORDED = json.loads((Path(__file__).parent.parent / "golden" / "old_routes.json").read_text())


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    root = tmp_path_factory.mktemp("api")
    upped = Upped(
        root / "data", manifests_for_demo(root / "site", ensure_demo_clip(root / "clip")), port := free_port()
    )
    try:
        upped.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            until(lambda: answers(client) and client.get("/events/recent").json()["count"] > 0, 90, "a reading")
            yield client
    finally:
        upped.stop()


def answers(client):
    try:
        return client.get("/health").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def event(api):
    return api.get("/events/recent").json()["events"][0]


@pytest.mark.parametrize("call", RECORDED)
def test_an_old_call_gives_the_old_keys(api, event, call):
    method, path = call.split(" ")
    filled = path.format(event_id=event["event_id"], plate=event["plate_normalized_text"], camera=event["camera_id"])
    answer = api.request(method, filled)
    assert answer.status_code == 200, answer.text
    assert set(RECORDED[call]) <= answer.json().keys()
    for found in [*answer.json().get("events", []), *answer.json().get("results", [])]:
        assert set(RECORDED["GET /events/{event_id}"]) <= found.keys()


def test_what_filters_name_is_found(api, event):
    plate, camera = event["plate_normalized_text"], event["camera_id"]
    assert {e["plate_normalized_text"] for e in api.get(f"/events/plate/{plate}").json()["events"]} == {plate}
    assert api.get(f"/events/camera/{camera}", params={"end_time": "2001-01-01T00:00:00Z"}).json()["count"] == 0
    assert api.get("/events/search", params={"plate": plate, "camera": "another"}).json()["count"] == 0
    assert api.get("/search/fulltext", params={"q": plate}).json()["total"] >= 1


def test_pages_figures_and_what_is_not_there_yet(api, event):
    assert api.get("/docs").status_code == api.get("/redoc").status_code == 200
    assert "/events/recent" in api.get("/openapi.json").json()["paths"]
    assert "# TYPE" in api.get("/metrics").text
    refused = api.post("/search/query", json={"query": {"match_all": {}}})
    assert refused.status_code == 501
    assert "OpenSearch" in refused.text
    until(lambda: api.get(f"/events/{event['event_id']}/images/plate.jpg").status_code == 200, 20, "the picture")
