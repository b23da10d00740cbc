"""Cameras over real RTSP: GStreamer's server, real sockets, the whole pipeline behind them."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import structlog

from alpr_edge_agent.assignment import write_assignment
from alpr_schemas.events import PlateEvent, moment
from alpr_schemas.resources import CameraState, EdgeAssignment
from alpr_testing import coloured
from alpr_testing.rtsp import RtspServer, Stream, wait_until

log = structlog.get_logger(__name__)
pytestmark = pytest.mark.integration
Assign = Callable[..., EdgeAssignment]
FPS = 15
FRAMES = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    folder = tmp_path_factory.mktemp("streams")
    north = [coloured.Passing("RED111", 8), coloured.Passing("GRN222", 32)]
    south = [coloured.Passing("YEL444", 8), coloured.Passing("MAG666", 32)]
    streams = {
        "/north": Stream(coloured.write_clip(folder / "north.mp4", north, frames=FRAMES)),
        "/south": Stream(coloured.write_clip(folder / "south.mp4", south, frames=FRAMES, codec="libx265")),
        "/closed": Stream(coloured.write_clip(folder / "closed.mp4", north[:1], frames=FRAMES)),
    }
    with RtspServer.start(streams, users={"cam": "p@s:w/rd"}, closed=["/closed"]) as server:
        yield server


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"rtsp://127.0.0.1:{listening.getsockname()[1]}/x"


def rtsp(url: str, transport: str = "tcp") -> dict[str, Any]:
    return {"protocol": "rtsp", "url": url, "transport": transport}


def error_s(server: RtspServer, path: str, event: PlateEvent, frame: Path) -> float:
    """How far the event's time is from when the server sent the frame that its evidence shows."""
    image = cv2.imread(str(frame), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    number = coloured.number_of(np.asarray(image, np.uint8))
    at = moment(event.captured_at).timestamp()
    return min((at - (began + number / FPS) for began in server.runs(path)), key=abs)


def test_two_cameras_and_four_bad_ones(station: Any, assign: Assign, server: RtspServer, silent: str) -> None:
    station.settings["decode"] = {"open_timeout_s": 2.0, "read_timeout_s": 2.0}
    sources = {
        "north": rtsp(server.url("/north")),
        "south": rtsp(server.url("/south"), "udp"),
        "wrong": rtsp(server.url("/closed")),
        "dead": rtsp("rtsp://127.0.0.1:9/x"),
        "silent": rtsp(silent),
        "lost": rtsp(server.url("/nowhere")),
    }
    write_assignment(station.folder / "assignment.json", assign(**sources))
    logins = {"wrong": {"username": "cam", "password": "wrong-password"}}
    (station.folder / "credentials.json").write_text(json.dumps(logins))
    with station.running():
        wait_until(lambda: len(station.plates()) >= 8, 30, "two runs of two plates of two cameras")
        states = {name: (station.camera(name).state, station.camera(name).reason) for name in sources}
        codecs = {name: station.camera(name).codec for name in ("north", "south")}
    plates = station.plates()
    expected = {"north": {"RED111", "GRN222"}, "south": {"YEL444", "MAG666"}}
    for camera, texts in expected.items():
        counts = Counter(plate.plate.text for plate in plates if plate.camera_id == camera)
        assert set(counts) == texts
        assert all(abs(count - 2) <= 1 for count in counts.values())
    assert codecs == {"north": "h264", "south": "hevc"}
    frames = {image.event_id: image.path for image in station.images() if image.kind == "frame"}
    errors = [error_s(server, f"/{plate.camera_id}", plate, frames[plate.event_id]) for plate in plates]
    log.info("time_errors", least_ms=round(min(errors) * 1e3), most_ms=round(max(errors) * 1e3), events=len(errors))
    assert max(abs(error) for error in errors) < 0.2
    assert all(0 < plate.latency_ms < 2000 for plate in plates)
    assert states["wrong"][0] is CameraState.AUTH_FAILED
    assert "correct the Secret" in states["wrong"][1]
    for name, words in {"dead": "nobody listens", "silent": "no answer within 2 s", "lost": "404"}.items():
        assert states[name][0] in {CameraState.FAILED, CameraState.CONNECTING}
        assert words in states[name][1]
    told = [path.name for path in station.folder.rglob("*") if path.is_file() and b"wrong-pass" in path.read_bytes()]
    assert told == ["credentials.json"]


def test_right_password_opens_the_closed_stream(station: Any, assign: Assign, server: RtspServer) -> None:
    write_assignment(station.folder / "assignment.json", assign(cam=rtsp(server.url("/closed"))))
    login = {"cam": {"username": "cam", "password": "p@s:w/rd"}}
    (station.folder / "credentials.json").write_text(json.dumps(login))
    with station.running():
        wait_until(lambda: len(station.plates()) >= 1, 20, "a plate")
    assert {plate.plate.text for plate in station.plates()} == {"RED111"}


def test_restarted_server_gives_readings_again_within_ten_seconds(
    station: Any, assign: Assign, server: RtspServer
) -> None:
    write_assignment(station.folder / "assignment.json", assign(north=rtsp(server.url("/north"))))
    with station.running():
        wait_until(lambda: len(station.plates()) >= 1, 20, "a plate")
        server.kill()
        wait_until(lambda: not station.reaches("north", CameraState.STREAMING), 10, "the loss")
        server.resume()
        back, before = time.monotonic(), len(station.plates())
        wait_until(lambda: len(station.plates()) > before, 10, "readings after the restart")
        log.info("readings_again", after_s=round(time.monotonic() - back, 1))
    epochs = {plate.source_epoch for plate in station.plates()}
    assert all(epoch.startswith(station.status().boot_id) for epoch in epochs)
    names = [(plate.source_epoch, plate.track_id) for plate in station.plates()]
    assert len(set(names)) == len(names)


def test_silent_network_is_noticed_and_comes_back(station: Any, assign: Assign, server: RtspServer) -> None:
    station.settings["decode"] = {"open_timeout_s": 1.0, "read_timeout_s": 1.0}
    write_assignment(station.folder / "assignment.json", assign(north=rtsp(server.url("/north"))))
    with station.running():
        wait_until(lambda: station.reaches("north", CameraState.STREAMING), 10, "stream")
        server.freeze()
        try:
            wait_until(lambda: station.reaches("north", CameraState.FAILED), 10, "the silence noticed")
            assert "no answer within" in station.camera("north").reason
        finally:
            server.thaw()
        wait_until(lambda: station.reaches("north", CameraState.STREAMING), 10, "stream again")
