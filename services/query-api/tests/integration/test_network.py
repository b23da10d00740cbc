"""The API on an address that other machines reach: two network namespaces with a cable between them.

One namespace is the machine that runs the API, the other somebody else's. The database's Unix socket reaches into both.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from uuid import uuid4

import pytest

from alpr_query_api.keys import create_key
from alpr_testing.browser import running_browser
from alpr_testing.needs import missing, needs
from alpr_testing.readings import reading, store_all

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
SERVER, CLIENT, PORT = "10.99.77.1", "10.99.77.2", 8000
CALL = """
import httpx, json, sys
answer = httpx.request(*json.loads(sys.argv[1]), **json.loads(sys.argv[2]), timeout=10)
print(json.dumps([answer.status_code, dict(answer.headers), answer.text]))
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def namespaces():
    needs("ip", package="iproute2")
    if os.getuid() != 0:
        missing("network namespaces need root")
    server, client = (f"alpr-{side}-{uuid4().hex[:6]}" for side in "sc")
    try:
        ip("netns", "add", server)
        ip("netns", "add", client)
        ip("-n", server, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", client)
        for name, address in ((server, SERVER), (client, CLIENT)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield server, client
    finally:
        for name in (server, client):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@contextmanager
def api_in(namespace, database, folder, host=SERVER):
    environment = {
        **os.environ, "ALPR_API_HOST": host, "ALPR_API_PORT": str(PORT), "ALPR_API_DATABASE_URL": database,
        "ALPR_API_IMAGES_URL": f"file://{folder}",
    }  # fmt: skip
    api = subprocess.Popen(
        ["ip", "netns", "exec", namespace, sys.executable, "-m", "alpr_query_api"],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield api
    finally:
        api.terminate()
        api.communicate(timeout=10)


def call(namespace, method, path, host=SERVER, **more):
    arguments = [json.dumps([method, f"http://{host}:{PORT}{path}"]), json.dumps(more)]
    ended = subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, "-c", CALL, *arguments],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return json.loads(ended.stdout) if ended.returncode == 0 else None


def wait_until_open(namespace, host=SERVER):
    deadline = time.monotonic() + 20
    while (answer := call(namespace, "GET", "/health", host)) is None:
        assert time.monotonic() < deadline
    assert answer[0] == 200


def test_from_another_machine_the_key_opens_and_nothing_else_does(namespaces, database, tmp_path):
    server, client = namespaces
    key = create_key(database, "console")
    store_all(database, [reading(1, "AB12CDE")])
    with api_in(server, database, tmp_path):
        wait_until_open(client)
        assert call(client, "GET", "/events/recent")[0] == 401
        assert call(client, "GET", "/events/recent", headers={"Authorization": "Bearer alpr_no"})[0] == 401
        status, headers, text = call(client, "GET", "/events/recent", headers={"Authorization": f"Bearer {key}"})
        assert (status, json.loads(text)["count"]) == (200, 1)
        assert "access-control-allow-origin" not in headers
        status, headers, _ = call(client, "POST", "/session", json={"key": key})
        assert status == 204
        token = headers["set-cookie"].partition(";")[0]
        assert call(client, "GET", "/events/recent", headers={"Cookie": token})[0] == 200
        assert (
            call(client, "GET", "/events/recent", headers={"Cookie": token, "Sec-Fetch-Site": "cross-site"})[0] == 403
        )
        assert call(server, "GET", "/events/recent")[0] == 401  # from the machine itself, too


def test_on_loopback_another_machine_reaches_nothing(namespaces, database, tmp_path):
    server, client = namespaces
    with api_in(server, database, tmp_path, host="127.0.0.1"):
        wait_until_open(server, "127.0.0.1")
        assert call(client, "GET", "/health") is None
        assert call(server, "GET", "/events/recent", "127.0.0.1")[0] == 200


def test_without_a_key_it_refuses_to_start(namespaces, database, tmp_path):
    with api_in(namespaces[0], database, tmp_path) as api:
        assert api.wait(20) == 2
        assert "alpr keys create" in api.stdout.read()


def test_the_page_signs_in_from_another_machine(namespaces, database, tmp_path):
    server, client = namespaces
    key = create_key(database, "console")
    store_all(database, [reading(1, "AB12CDE")])
    with (
        api_in(server, database, tmp_path / "images"),
        running_browser(tmp_path / "profile", within=["ip", "netns", "exec", client]) as browser,
    ):
        wait_until_open(client)
        browser.open(f"http://{SERVER}:{PORT}")
        browser.until("return !document.getElementById('sign-in').hidden")
        browser.type("#key", f"{key}\n")
        browser.until("return document.getElementById('link').dataset.state === 'live'")
        assert "AB12CDE" in browser.text()
        store_all(database, [reading(2, "KL98XYZ")])
        browser.until("return document.body.innerText.includes('KL98XYZ')")
