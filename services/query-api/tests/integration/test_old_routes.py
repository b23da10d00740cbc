"""Every route of the old API, called as before, answers with the keys it always had."""

from datetime import timedelta

import httpx
import pytest

from alpr_images.store import open_image_store
from alpr_testing.api import running_api
from alpr_testing.postgres import fresh_database
from alpr_testing.readings import START, picture, reading, store_all

pytestmark = pytest.mark.integration

COLUMNS = {
    "event_id", "captured_at", "camera_id", "track_id", "plate_text", "plate_normalized_text", "plate_confidence",
    "plate_region", "vehicle_type", "vehicle_make", "vehicle_model", "vehicle_color", "plate_image_url",
    "vehicle_image_url", "frame_image_url", "latency_ms", "quality_score", "frame_number", "site_id", "host_id", "roi",
    "direction", "created_at",
}  # fmt: skip
EVENTS = [
    reading(0, "AB12CDE"),
    reading(1, "KL98XYZ", camera_id="exit"),
    reading(2, "AB12CDF"),
    reading(3, "B0B8888", camera_id="exit"),
    reading(65, "AB12CDE", vehicle={"type": "truck", "color": None}),
]


@pytest.fixture(scope="module")
def api(postgres, tmp_path_factory):
    with fresh_database(postgres) as dsn, running_api(dsn, tmp_path_factory.mktemp("api")) as running:
        store_all(dsn, EVENTS)
        yield running


@pytest.fixture(scope="module")
def get(api):
    with httpx.Client(base_url=api.url) as client:

        def call(path, status=200, **parameters):
            answer = client.get(path, params=parameters)
            assert answer.status_code == status, answer.text
            return answer.json()

        yield call


def plates(answer, of="events"):
    return [event["plate_normalized_text"] for event in answer[of]]


def test_root(get):
    answer = get("/")
    assert answer.keys() == {"name", "version", "endpoints", "opensearch_available", "service_manager_available"}
    assert answer["endpoints"]["recent_events"] == "/events/recent"


def test_health(get):
    assert get("/health") == {"status": "healthy", "database_connected": True}


def test_stats(get):
    answer = get("/stats")
    assert answer.pop("earliest_event") == START.isoformat()
    assert answer.pop("latest_event") == (START + timedelta(minutes=65)).isoformat()
    assert answer == {
        "is_connected": True, "total_events": 5, "unique_plates": 4, "active_cameras": 2,
        "avg_confidence": pytest.approx(0.9), "avg_latency_ms": 120, "total_inserts": 5, "failed_inserts": 0,
    }  # fmt: skip


def test_recent(get):
    answer = get("/events/recent", limit=2)
    assert answer.keys() == {"count", "events"}
    assert answer["count"] == 2
    assert plates(answer) == ["AB12CDE", "B0B8888"]
    assert answer["events"][0].keys() >= COLUMNS


def test_by_id(get, api):
    event = get(f"/events/{EVENTS[0].event_id}")
    assert event.keys() >= COLUMNS
    assert event["captured_at"] == START.isoformat()
    assert event["plate_image_url"] == f"{api.url}/events/{EVENTS[0].event_id}/images/plate.jpg"
    assert (event["roi"], event["vehicle_make"], event["vehicle_image_url"]) == (None, None, None)


def test_by_id_that_is_not_there(get):
    problem = get("/events/00000000-0000-7000-8000-000000000000", status=404)
    assert problem["title"] == "Not Found"
    assert get("/events/nonsense", status=404)["field"] == "event_id"


def test_by_plate(get):
    answer = get("/events/plate/ab12-cde", limit=1, offset=1)
    assert answer.keys() == {"plate", "count", "limit", "offset", "events"}
    assert (answer["count"], answer["limit"], answer["offset"]) == (1, 1, 1)
    assert answer["events"][0]["event_id"] == EVENTS[0].event_id


def test_by_camera_with_its_end_alone(get):
    answer = get("/events/camera/exit", end_time=(START + timedelta(minutes=2)).isoformat())
    assert answer.keys() == {"camera_id", "start_time", "end_time", "count", "limit", "offset", "events"}
    assert plates(answer) == ["KL98XYZ"]
    assert answer["start_time"] is None


def test_search_with_every_filter(get):
    end = (START + timedelta(minutes=3)).isoformat()
    answer = get(
        "/events/search", plate="AB12*", camera="gate", site="north", start_time=START.isoformat(), end_time=end
    )
    assert answer.keys() == {"count", "filters", "events"}
    assert plates(answer) == ["AB12CDF", "AB12CDE"]
    assert answer["filters"]["plate"] == "AB12*"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"plate": "ab12cd?"}, 3),
        ({"plate": "*98*"}, 1),
        ({"plate": "BOBBBBB"}, 0),
        ({"plate": "BOBBBBB", "lookalikes": True}, 1),
        ({"camera": "gate"}, 3),
        ({"site": "south"}, 0),
        ({"start_time": "2026-03-01T13:05:00"}, 1),
        ({"start_time": "2026-03-01T13:05:00 00:00"}, 1),
        ({"limit": 2}, 2),
    ],
)
def test_each_filter_of_search_works(get, asked, found):
    assert get("/events/search", **asked)["count"] == found


def test_fulltext(get):
    answer = get("/search/fulltext", q="AB12CDE", limit=10)
    assert answer.keys() == {"query", "total", "took_ms", "results", "limit", "offset"}
    assert answer["total"] == 3
    assert plates(answer, of="results") == ["AB12CDE", "AB12CDE", "AB12CDF"]
    hit = answer["results"][0]
    assert hit["plate"] == {"text": "AB12CDE", "normalized_text": "AB12CDE", "confidence": 0.9, "region": "GB"}
    assert hit.keys() >= {"event_id", "captured_at", "camera_id", "track_id", "plate", "vehicle", "images", "node"}


@pytest.mark.parametrize(("text", "found"), [("exit", 2), ("truck", 1), ("b0b", 1), ("*XYZ", 1), ("100%", 0)])
def test_fulltext_finds_plates_cameras_and_vehicles(get, text, found):
    assert get("/search/fulltext", q=text)["total"] == found


def test_facets(get):
    answer = get("/search/facets", site="north", limit=1)
    assert answer.keys() == {"total", "took_ms", "results", "facets", "filters"}
    assert (answer["total"], len(answer["results"])) == (5, 1)
    assert answer["facets"] == {
        "cameras": [{"value": "gate", "count": 3}, {"value": "exit", "count": 2}],
        "vehicle_types": [{"value": "car", "count": 4}, {"value": "truck", "count": 1}],
        "vehicle_colors": [{"value": "red", "count": 4}],
        "sites": [{"value": "north", "count": 5}],
    }


def test_analytics_per_hour(get):
    answer = get("/search/analytics", metric="plates_per_hour", interval="1h")
    assert answer.keys() == {"metric", "took_ms", "total_events", "aggregations", "filters"}
    assert answer["total_events"] == 5
    noon = int(START.timestamp() * 1000)
    assert answer["aggregations"]["plates_per_hour"]["buckets"] == [
        {"key_as_string": "2026-03-01T12:00:00.000Z", "key": noon, "doc_count": 4},
        {"key_as_string": "2026-03-01T13:00:00.000Z", "key": noon + 3_600_000, "doc_count": 1},
    ]


def test_analytics_of_confidence_and_of_plates(get):
    confidence = get("/search/analytics", metric="avg_confidence", interval="1d")["aggregations"]["avg_confidence"]
    assert [b["avg_confidence"]["value"] for b in confidence["buckets"]] == [pytest.approx(0.9)]
    top = get("/search/analytics", metric="top_plates", size=1, camera_id="gate")["aggregations"]["top_plates"]
    assert top["buckets"] == [{"key": "AB12CDE", "doc_count": 2}]
    assert top["sum_other_doc_count"] == 1


def test_a_search_engines_query_says_why_not(api):
    answer = httpx.post(f"{api.url}/search/query", json={"query": {"match_all": {}}})
    assert answer.status_code == 501
    assert "OpenSearch" in answer.json()["detail"]


def test_metrics_and_documents(get, api):
    get("/events/plate/AB12CDE")
    assert set(get("/openapi.json")["paths"]) >= {"/events/{event_id}", "/events/search", "/search/facets"}
    for path in ("/docs", "/redoc"):
        assert httpx.get(f"{api.url}{path}").status_code == 200
    text = httpx.get(f"{api.url}/metrics").text
    assert 'alpr_api_requests_total{route="/events/plate/{text}",status="200"}' in text
    assert "AB12CDE" not in text


def test_pictures(get, api):
    event = EVENTS[0]
    get(f"/events/{event.event_id}/images/plate.jpg", status=404)
    open_image_store(f"file://{api.images}").put_if_absent(event.images.plate_url, picture("AB12CDE"))
    answer = httpx.get(get(f"/events/{event.event_id}")["plate_image_url"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.content == picture("AB12CDE")


@pytest.mark.parametrize(
    ("path", "asked", "field"),
    [
        ("/events/recent", {"limit": 0}, "limit"),
        ("/events/recent", {"limit": "many"}, "limit"),
        ("/events/search", {"plate": "--"}, "plate"),
        ("/events/search", {"start_time": "yesterday"}, "start_time"),
        ("/events/search", {"start_time": "2026-02-01", "end_time": "2026-01-01"}, "end_time"),
        ("/events/camera/gate", {"offset": -1}, "offset"),
        ("/search/fulltext", {}, "q"),
        ("/search/analytics", {"metric": "speed"}, "metric"),
        ("/search/analytics", {"metric": "plates_per_hour", "interval": "soon"}, "interval"),
    ],
)
def test_a_wrong_parameter_is_named(get, path, asked, field):
    assert get(path, status=422, **asked)["field"] == field


def test_a_value_that_no_database_holds_is_refused(get):
    assert get("/events/search", status=422, camera="a\x00b")["status"] == 422
