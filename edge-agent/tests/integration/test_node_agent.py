"""A node: agent and pipeline together, over RTSP, with a fake of our own Cluster; `test_control_plane.py` has the API."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from alpr_edge_agent.agent import cadence
from alpr_edge_agent.agent.node import run_node
from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.assignment import write_assignment
from alpr_edge_agent.pipeline.main import Backends
from alpr_kubernetes import Change, Changed, Listed
from alpr_schemas.resources import CameraState, EdgeAssignment, EdgeReport
from alpr_sealing import key_id, seal
from alpr_testing import coloured
from alpr_testing.rtsp import RtspServer, Stream, wait_until

pytestmark = pytest.mark.integration
RIGHT, WRONG = "p@s:w/rd", "wrong-password"


class FakeCluster:
    """The API server as one agent sees it; tests set the assignment from their own thread."""

    def __init__(self) -> None:
        self.reports: list[EdgeReport] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changes: asyncio.Queue[Change] = asyncio.Queue()
        self._newest: Change = Listed([])

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[FakeCluster]:
        self._loop = asyncio.get_running_loop()
        self._changes.put_nowait(self._newest)
        yield self

    def assign(self, raw: dict[str, Any]) -> None:
        self._newest = Listed([raw])
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changes.put_nowait, Changed("MODIFIED", raw))

    async def assignments(self) -> AsyncIterator[Change]:
        while True:
            yield await self._changes.get()

    async def assignment(self) -> dict[str, Any]:
        return {}

    async def secret(self, name: str) -> dict[str, Any]:
        raise AssertionError(f"Secret {name} was asked for although all is sealed")

    async def put_report(self, report: EdgeReport) -> None:
        self.reports.append(report)

    def states(self) -> dict[str, CameraState]:
        cameras = self.reports[-1].status.cameras if self.reports else ()
        return {camera.name: camera.state for camera in cameras}


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cadence, "DEBOUNCE_S", 0.1)
    monkeypatch.setattr(cadence, "GAP_S", 0.3)


@contextmanager
def agent(folder: Path, cluster: FakeCluster) -> Iterator[None]:
    stop = threading.Event()
    failed: list[BaseException] = []
    settings = NodeSettings(node_name="n1", namespace="yard", data=folder)

    def run() -> None:
        try:
            run_node(settings, stop, cluster.opened)
        except BaseException as e:  # noqa: BLE001 - asserted below
            failed.append(e)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15)
    assert not failed
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    folder = tmp_path_factory.mktemp("streams")
    clip = coloured.write_clip(folder / "one.mp4", [coloured.Passing("RED111", 8)], frames=60)
    streams = {path: Stream(clip) for path in ("/open", "/closed", "/other")}
    with RtspServer.start(streams, users={"cam": RIGHT}, closed=["/closed"]) as server:
        yield server


def camera(server: RtspServer, name: str, sealed: dict[str, Any] | None = None, **analytics: Any) -> dict[str, Any]:
    config = {"source": {"protocol": "rtsp", "url": server.url(f"/{name}")}, "analytics": analytics}
    return {"name": name, "uid": f"uid-{name}", "config": config, **({"sealedCredential": sealed} if sealed else {})}


def assignment(revision: int, *cameras: dict[str, Any]) -> dict[str, Any]:
    spec = {"nodeName": "n1", "nodeUid": "u1", "site": "s1", "revision": revision, "cameras": list(cameras)}
    return {"metadata": {"name": "n1", "namespace": "yard"}, "spec": {**spec, "connectPerSecond": 50}}


def sealed(cluster: FakeCluster, password: str) -> dict[str, Any]:
    public = cluster.reports[-1].status.sealing_key
    assert public is not None
    box = seal(public, {"username": "cam", "password": password})
    return {"keyId": key_id(public), "secretVersion": password[:1], "box": box}


@pytest.fixture
def opened(station: Any) -> list[str]:
    """What the pipeline opened, by path, once a connection."""
    paths: list[str] = []
    original = station.backends.open_decoder

    def counting(settings: Any, target: Any, hooks: Any) -> Any:
        paths.append(target.address.rpartition("/")[2])
        return original(settings, target, hooks)

    station.backends = Backends(
        open_decoder=counting,
        open_detector=station.backends.open_detector,
        open_recognizer=station.backends.open_recognizer,
    )
    return paths


@pytest.mark.usefixtures("quick")
def test_20_rotated_secret_reconnects_one_camera_alone(
    station: Any, cluster: FakeCluster, server: RtspServer, opened: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with agent(station.folder, cluster), station.running():
        wait_until(lambda: bool(cluster.reports), 10, "the first report, with the key")
        cluster.assign(assignment(1, camera(server, "open"), camera(server, "closed", sealed(cluster, WRONG))))
        wait_until(lambda: cluster.states().get("closed") is CameraState.AUTH_FAILED, 20, "the refusal in the report")
        wait_until(lambda: cluster.states().get("open") is CameraState.STREAMING, 20, "the other camera")
        since = station.camera("open").since
        assert opened.count("closed") == 1, "a camera that refuses is not asked again at once: it may lock the account"
        cluster.assign(assignment(2, camera(server, "open"), camera(server, "closed", sealed(cluster, RIGHT))))
        wait_until(lambda: cluster.states().get("closed") is CameraState.STREAMING, 20, "the right password")
        wait_until(lambda: cluster.reports[-1].status.applied_revision == 2, 10, "the acknowledgement")
        assert station.camera("open").since == since
        assert opened.count("open") == 1
    told = "".join(capfd.readouterr())
    files = {p.name: p.read_bytes() for p in station.folder.rglob("*") if p.is_file() and p.name != "credentials.json"}
    reports = "".join(report.model_dump_json() for report in cluster.reports)
    for password in (RIGHT, WRONG):
        assert password not in told
        assert password not in reports
        assert [name for name, content in files.items() if password.encode() in content] == []


@pytest.mark.usefixtures("quick")
def test_changing_one_camera_leaves_the_others_sessions(
    station: Any, cluster: FakeCluster, server: RtspServer, opened: list[str]
) -> None:
    cluster.assign(assignment(1, camera(server, "open"), camera(server, "other")))
    with agent(station.folder, cluster), station.running():
        both = {"open": CameraState.STREAMING, "other": CameraState.STREAMING}
        wait_until(lambda: cluster.states() == both, 20, "both streams")
        sessions = connections(server)
        cluster.assign(assignment(2, camera(server, "open", lane="north"), camera(server, "closed")))
        wait_until(lambda: cluster.reports[-1].status.applied_revision == 2, 20, "the acknowledgement")
        kept = connections(server) & sessions
        assert len(kept) == 1, "the camera that stayed keeps its TCP session, the one that left has closed its own"
        assert opened.count("open") == 1
        assert [c.name for c in cluster.reports[-1].status.cameras] == ["open", "closed"]


@pytest.mark.usefixtures("quick")
def test_36_a_node_of_the_same_name_reports_its_new_uid(station: Any, cluster: FakeCluster) -> None:
    cluster.assign(assignment(7))
    with agent(station.folder, cluster), station.running():
        wait_until(lambda: bool(cluster.reports) and cluster.reports[-1].status.applied_revision == 7, 10, "the first")
        assert cluster.reports[-1].status.node_uid == "u1"
        raw = assignment(8)
        raw["spec"]["nodeUid"] = "u2"
        cluster.assign(raw)
        wait_until(lambda: cluster.reports[-1].status.applied_revision == 8, 10, "the second")
        assert cluster.reports[-1].status.node_uid == "u2"


def test_12_agent_cache_serves_with_the_api_down(
    station: Any, tmp_path: Path, server: RtspServer, opened: list[str]
) -> None:
    """Real processes, as after a power cut without a network: the agent as its own, the pipeline beside it."""
    kubeconfig = tmp_path / "kubeconfig.json"
    kubeconfig.write_text(json.dumps(config_for("https://127.0.0.1:9")))
    raw = assignment(5, camera(server, "open"))
    write_assignment(station.folder / "assignment.json", EdgeAssignment.model_validate(raw))
    argv = [sys.executable, "-m", "alpr_edge_agent", "agent", "--data", str(station.folder)]
    argv += ["--node-name", "n1", "--namespace", "yard", "--kubeconfig", str(kubeconfig)]
    with (tmp_path / "agent.log").open("wb") as log, station.running():
        process = subprocess.Popen(argv, stdout=log, stderr=log, env=os.environ.copy())
        try:
            wait_until(lambda: station.reaches("open", CameraState.STREAMING), 20, "the stream out of the cache")
            wait_until(lambda: reported(station.folder) == CameraState.STREAMING, 20, "the report on disk")
            assert process.poll() is None
            assert opened == ["open"]
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    assert b"assignment_not_followed" in (tmp_path / "agent.log").read_bytes()


def reported(folder: Path) -> CameraState | None:
    try:
        report = EdgeReport.model_validate_json((folder / "report.json").read_bytes())
    except OSError:
        return None
    return report.status.cameras[0].state if report.status.cameras else None


def config_for(address: str) -> dict[str, Any]:
    return {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": address, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }


def connections(server: RtspServer) -> set[str]:
    """Our ends of the established TCP connections to the server."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[2].endswith(f":{server.port:04X}") and row[3] == "01"}
