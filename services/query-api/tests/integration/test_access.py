"""Who gets in, on loopback and with a key; and what the API does while the database is away."""

import os
import signal
import subprocess
import sys
import time

import httpx
import psycopg
import pytest

from alpr_query_api.keys import create_key, list_keys, revoke_key
from alpr_standalone.database import EmbeddedPostgres
from alpr_storage_consumer.migrate import migrate
from alpr_testing.api import running_api

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60)]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[fe80::1]", ""])
def test_another_host_name_is_refused(api, host):
    answer = httpx.get(f"{api.url}/events/recent", headers={"Host": host})
    assert answer.status_code in {400, 421}


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000"])
def test_names_of_this_machine_are_welcome(api, host):
    assert httpx.get(f"{api.url}/events/recent", headers={"Host": host}).status_code == 200


def test_other_sites_pages_get_nothing(api):
    asked = httpx.get(f"{api.url}/events/recent", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"})
    assert asked.status_code == 403
    sent = httpx.post(f"{api.url}/session", json={"key": "x"}, headers={"Origin": "http://evil.example"})
    assert sent.status_code == 403
    link = httpx.get(api.url, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert link.status_code == 200
    assert not [name for name in link.headers if name.startswith("access-control")]


def test_a_key_opens_and_is_kept_as_a_hash_alone(database, tmp_path):
    key = create_key(database, "me")
    with running_api(database, tmp_path, require_key=True) as api:
        address = f"{api.url}/events/recent"
        assert httpx.get(address).status_code == 401
        assert httpx.get(address, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert httpx.get(address, headers={"Authorization": f"Bearer {key}"}).status_code == 200
        for path in ("/stats", "/cameras", "/metrics", "/openapi.json", "/events/stream", "/search/fulltext?q=a"):
            assert httpx.get(f"{api.url}{path}").status_code == 401, path
        assert httpx.get(f"{api.url}/health").status_code == 200
    with psycopg.connect(database) as connection:
        stored = connection.execute("SELECT name, hash FROM api_keys").fetchall()
    assert stored[0][0] == "me"
    assert key.encode() not in stored[0][1]


def test_the_cookie_cannot_be_read_by_scripts_and_ends_with_its_session(database, tmp_path):
    key = create_key(database, "me")
    with running_api(database, tmp_path, require_key=True) as api, httpx.Client(base_url=api.url) as browser:
        assert browser.post("/session", json={"key": "wrong"}).status_code == 401
        answer = browser.post("/session", json={"key": key})
        assert answer.status_code == 204
        said = answer.headers["set-cookie"].lower()
        assert "httponly" in said
        assert "samesite=strict" in said
        assert key not in said
        assert browser.get("/events/recent").status_code == 200
        assert browser.get("/session").json() == {"required": True, "open": True}
        assert browser.delete("/session").status_code == 204
        assert browser.get("/events/recent").status_code == 401


def test_a_withdrawn_key_opens_nothing(database, tmp_path):
    key = create_key(database, "me")
    assert revoke_key(database, "me") == 1
    assert revoke_key(database, "me") == 0
    assert list_keys(database)[0]["revoked_at"] is not None
    with running_api(database, tmp_path, require_key=True) as api:
        answer = httpx.get(f"{api.url}/stats", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 401


def test_it_does_not_start_for_the_network_without_a_key(database, tmp_path):
    environment = {
        **os.environ,
        "ALPR_API_HOST": "0.0.0.0",  # noqa: S104
        "ALPR_API_PORT": "0",
        "ALPR_API_DATABASE_URL": database,
        "ALPR_API_IMAGES_URL": f"file://{tmp_path}",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "alpr_query_api"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "alpr keys create" in ended.stdout


def test_a_missing_setting_is_named(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "alpr_query_api"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "ALPR_API_DATABASE_URL" in ended.stdout


def test_health_tells_the_truth_through_an_outage(tmp_path):
    tmp_path.chmod(0o755)
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        migrate(server.dsn)
        with running_api(server.dsn, tmp_path) as api:
            assert httpx.get(f"{api.url}/health").status_code == 200
            os.kill(server.pid, signal.SIGKILL)
            answer = httpx.get(f"{api.url}/health", timeout=10)
            assert (answer.status_code, answer.json()["database_connected"]) == (503, False)
            problem = httpx.get(f"{api.url}/events/recent", timeout=10)
            assert (problem.status_code, problem.json()["title"]) == (503, "Service Unavailable")
            server.start()
            deadline = time.monotonic() + 10
            while httpx.get(f"{api.url}/health", timeout=10).status_code != 200:
                assert time.monotonic() < deadline
            assert httpx.get(f"{api.url}/events/recent").status_code == 200
