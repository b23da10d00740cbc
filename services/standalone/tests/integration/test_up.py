"""`alpr up` as a person runs it: whole processes, a real database, a simulated clip."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from alpr_simulator.clip import render
from alpr_simulator.scene import Scene
from alpr_standalone.database import EmbeddedPostgres
from alpr_standalone.sources import manifests_for_address, manifests_for_demo
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
PASSWORD = "hunter2-Qz"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    path = folder / "clip.mp4"
    truth = render(
        Scene(seed=8, seconds=10, fps=15, width=1280, height=720, occupancy=0.8, vehicles=2, hardship=0.0), path
    )
    return path, truth


def alpr(*words, **more):
    argv = [sys.executable, "-m", "alpr_cli", *map(str, words)]
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL, **more
    )


def up_once(data, manifests):
    return alpr("up", "-f", manifests, "--data", data, "--once", "--port", free_port(), "--metrics-port", 0)


@contextmanager
def running(*words, port, env=None):
    argv = [sys.executable, "-m", "alpr_cli", "up", *map(str, words), "--port", str(port), "--metrics-port", "0"]
    with subprocess.Popen(
        argv, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def healthy(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.HTTPError:
        return False


def rows(data):
    with EmbeddedPostgres(data / "postgres") as server, psycopg.connect(server.dsn) as connection:
        return connection.execute(
            "SELECT event_id, plate_normalized_text, plate_image_url, frame_image_url FROM plate_events"
        ).fetchall()


def test_a_clip_read_twice_is_stored_once_with_its_pictures(tmp_path, clip):
    path, truth = clip
    manifests = manifests_for_address(tmp_path / "site", str(path))
    (manifests / "cameras.yaml").write_text(
        (manifests / "cameras.yaml").read_text().replace("realtime: true", "realtime: false")
    )
    first = up_once(tmp_path / "data", manifests)
    assert first.returncode == 0, first.stdout + first.stderr
    stored = rows(tmp_path / "data")
    again = up_once(tmp_path / "data", manifests)
    assert again.returncode == 0, again.stdout + again.stderr
    assert sorted(rows(tmp_path / "data")) == sorted(stored)
    assert {row[1] for row in stored} & {v.text for v in truth.vehicles}
    for row in stored:
        assert (tmp_path / "data" / "images" / row[2]).read_bytes()[:2] == b"\xff\xd8"
        assert (tmp_path / "data" / "images" / row[3]).exists()


def test_readings_are_served_while_it_runs_and_stay_afterwards(tmp_path, clip):
    port = free_port()
    with running("-f", manifests_for_demo(tmp_path, clip[0]), "--data", tmp_path / "data", port=port):
        until(lambda: healthy(port), 60, "the API")
        events = f"http://127.0.0.1:{port}/events/recent"
        until(lambda: httpx.get(events).json()["count"] > 0, 60, "a reading")
        event = httpx.get(events).json()["events"][0]
        picture = httpx.get(f"http://127.0.0.1:{port}/events/{event['event_id']}/images/plate.jpg")
        until(lambda: httpx.get(picture.url).status_code == 200, 20, "its picture")
        assert alpr("cameras", "--data", tmp_path / "data").stdout.split().count("Streaming") == 1
    assert rows(tmp_path / "data")


def test_a_password_shows_nowhere(tmp_path):
    port = free_port()
    address = f"rtsp://admin:{PASSWORD}@127.0.0.1:{free_port()}/live"
    words = ("--source-from-environment", "--data", tmp_path / "data")
    with running(*words, port=port, env={"SOURCE": address}) as process:
        until(lambda: healthy(port), 60, "the API")
        until((tmp_path / "data/edge/report.json").exists, 30, "the report")
        told = httpx.get(f"http://127.0.0.1:{port}/cameras").text + alpr("cameras", "--data", tmp_path / "data").stdout
        command_lines = b"".join(command_lines_below(process.pid))
    logs = "".join(p.read_text() for p in (tmp_path / "data/logs").iterdir())
    assert PASSWORD not in told + logs
    assert PASSWORD.encode() not in command_lines
    secret = tmp_path / "data/sources/given/secret.yaml"
    assert secret.stat().st_mode & 0o077 == 0
    assert PASSWORD in secret.read_text()
    holders = [p for p in (tmp_path / "data").rglob("*") if p.is_file() and PASSWORD.encode() in p.read_bytes()]
    assert all(p.stat().st_mode & 0o077 == 0 for p in holders)


def command_lines_below(pid):
    yield Path(f"/proc/{pid}/cmdline").read_bytes()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from command_lines_below(int(child))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--source", "/nowhere/x.mp4"], "no such file"),
        (["--source", "ftp://h/x"], "ftp:// is no source"),
        (["--source", "rtsp://u:p@h/x"], "anybody on this machine can read a command line"),
        (["-f", "/nowhere"], "no such file or folder"),
        (["--host", "0.0.0.0"], "alpr keys create"),  # noqa: S104 - refused
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(tmp_path, words, said):
    done = alpr("up", *words, "--data", tmp_path / "data", "--port", free_port(), "--metrics-port", 0)
    assert done.returncode != 0
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_busy_port_and_a_second_up_are_refused_and_disturb_nothing(tmp_path, clip):
    manifests = manifests_for_demo(tmp_path, clip[0])
    port = free_port()
    with running("-f", manifests, "--data", tmp_path / "data", port=port):
        until(lambda: healthy(port), 60, "the API")
        second = alpr("up", "-f", manifests, "--data", tmp_path / "data", "--port", free_port())
        assert "another alpr up runs" in second.stderr
        busy = alpr("up", "-f", manifests, "--data", tmp_path / "other", "--port", port)
        assert re.search(rf"--port: 127\.0\.0\.1:{port} is taken", busy.stderr)
        assert healthy(port)


def test_the_metrics_port_may_be_busy(tmp_path, clip):
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        words = ["-f", manifests_for_demo(tmp_path, clip[0]), "--data", tmp_path / "data"]
        argv = [sys.executable, "-m", "alpr_cli", "up", *map(str, words), "--port", str(port)]
        argv += ["--metrics-port", str(other.getsockname()[1])]
        status = tmp_path / "data/edge/pipeline-status.json"
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                until(lambda: status.exists() and json.loads(status.read_text())["problems"], 60, "the problem")
                assert "metrics" in json.loads(status.read_text())["problems"][0]
                until(lambda: "Streaming" in status.read_text(), 30, "the stream")
            finally:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=60)
