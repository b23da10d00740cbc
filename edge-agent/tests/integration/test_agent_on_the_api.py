"""A node's agent on a real API server: what is applied is served, and what is served is acknowledged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from alpr_edge_agent.agent import cadence
from alpr_edge_agent.agent.node import run_node
from alpr_edge_agent.agent.settings import NodeSettings
from alpr_kubernetes import Client, NotFound, Refused, from_kubeconfig, kinds
from alpr_schemas.resources import EdgeReport
from alpr_testing import coloured
from alpr_testing.rtsp import wait_until

pytestmark = pytest.mark.integration


class Api:
    """What an operator would do, in one namespace of the real API server; every call is a session of its own."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def do(self, work: Callable[[Client], Any]) -> Any:
        async def run() -> Any:
            async with Client(from_kubeconfig(self.kubeconfig), "alpr-operator") as client:
                return await work(client)

        return asyncio.run(run())

    def node(self, name: str) -> str:
        """A Node object, and its UID."""
        manifest = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
        return str(self.do(lambda c: c.apply(kinds.NODES, manifest))["metadata"]["uid"])

    def assign(self, node: str, revision: int, cameras: list[dict[str, Any]], **spec: Any) -> None:
        manifest = {
            "apiVersion": kinds.ASSIGNMENTS.api_version,
            "kind": kinds.ASSIGNMENTS.name,
            "metadata": {"name": node, "namespace": self.namespace},
            "spec": {"schema": 1, "nodeName": node, "site": "yard", "revision": revision, "cameras": cameras, **spec},
        }
        self.do(lambda c: c.apply(kinds.ASSIGNMENTS, manifest))

    def withdraw(self, node: str) -> None:
        self.do(lambda c: c.delete(kinds.ASSIGNMENTS, self.namespace, node))

    def raw_report(self, node: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.do(lambda c: c.get(kinds.REPORTS, self.namespace, node))
        except NotFound:
            return None
        return found

    def report(self, node: str) -> EdgeReport | None:
        raw = self.raw_report(node)
        return EdgeReport.model_validate(raw) if raw is not None else None

    def acknowledged(self, node: str) -> int:
        report = self.report(node)
        return report.status.applied_revision if report is not None else -1


@pytest.fixture
def api(control_plane: Any) -> Api:
    namespace = f"edge-{uuid4().hex[:8]}"
    made = Api(control_plane.kubeconfig, namespace)
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    made.do(lambda c: c.create(kinds.NAMESPACES, manifest))
    return made


@pytest.fixture
def node(api: Api) -> str:
    name = f"n-{uuid4().hex[:8]}"
    api.node(name)
    return name


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cadence, "DEBOUNCE_S", 0.2)
    monkeypatch.setattr(cadence, "GAP_S", 0.5)


@contextmanager
def agent(folder: Path, api: Api, node: str) -> Iterator[None]:
    stop = threading.Event()
    failed: list[BaseException] = []
    settings = NodeSettings(node_name=node, namespace=api.namespace, data=folder, kubeconfig=api.kubeconfig)

    def run() -> None:
        try:
            run_node(settings, stop)
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


def camera(name: str, path: Path, **analytics: Any) -> dict[str, Any]:
    source = {"protocol": "file", "url": path.as_uri(), "loop": True, "realtime": True}
    return {
        "name": name, "uid": f"uid-{name}", "generation": 1, "epoch": 1,
        "config": {"source": source, "analytics": analytics},
    }  # fmt: skip


@pytest.fixture
def clips(tmp_path: Path) -> Callable[[str], Path]:
    passes = [coloured.Passing("CYA555", 2, 18)]
    return lambda name: coloured.write_clip(tmp_path / f"{name}.mp4", passes, frames=24)


def states(report: EdgeReport | None) -> dict[str, str]:
    return {c.name: c.state.value for c in report.status.cameras} if report is not None else {}


def test_what_is_applied_is_served_and_acknowledged(
    station: Any, api: Api, node: str, clips: Callable[[str], Path]
) -> None:
    one, two, three = (clips(name) for name in ("one", "two", "three"))
    with agent(station.folder, api, node), station.running():
        wait_until(lambda: api.report(node) is not None, 20, "a report before any assignment")
        first = api.report(node)
        assert first is not None
        assert first.status.sealing_key
        assert first.status.capacity is not None
        uid = api.node(node)
        api.assign(node, 1, [camera("one", one), camera("two", two)], nodeUid=uid)
        both = {"one": "Streaming", "two": "Streaming"}
        wait_until(lambda: states(api.report(node)) == both, 30, "both cameras in the report")
        wait_until(lambda: api.acknowledged(node) == 1, 10, "the acknowledgement")
        wait_until(lambda: len(station.plates()) > 0, 20, "a reading")
        since = station.camera("one").since

        api.assign(node, 2, [camera("one", one, lane="north"), camera("three", three)], nodeUid=uid)
        wait_until(lambda: api.acknowledged(node) == 2, 20, "the second acknowledgement")
        wait_until(lambda: states(api.report(node)) == {"one": "Streaming", "three": "Streaming"}, 20, "the change")
        assert station.camera("one").since == since

    raw = api.raw_report(node)
    assert raw is not None
    assert [(o["kind"], o["name"], o["uid"]) for o in raw["metadata"]["ownerReferences"]] == [("Node", node, uid)]
    assert {m["manager"] for m in raw["metadata"]["managedFields"]} == {"alpr-edge-agent"}
    status = EdgeReport.model_validate(raw).status
    assert status.node_uid == uid
    assert status.sealing_key == first.status.sealing_key
    assert all(condition.last_transition_time is not None for condition in status.conditions)


def test_a_quiet_node_writes_nothing(station: Any, api: Api, node: str, clips: Callable[[str], Path]) -> None:
    api.assign(node, 1, [camera("one", clips("one"))])
    with agent(station.folder, api, node), station.running():
        wait_until(lambda: states(api.report(node)) == {"one": "Streaming"}, 30, "the camera in the report")
        wait_until(lambda: settled(api, node), 60, "a report that stays as it is for five seconds")


def settled(api: Api, node: str) -> bool:
    """Whether nothing is written for five seconds while frames and readings go on."""
    before = api.raw_report(node)
    try:
        wait_until(lambda: version(api.raw_report(node)) != version(before), 5, "another version")
    except (TimeoutError, AssertionError):
        return True
    return False


def version(raw: dict[str, Any] | None) -> str:
    return str(raw["metadata"]["resourceVersion"]) if raw is not None else ""


def test_a_deleted_assignment_ends_the_serving_and_one_that_returns_begins_it(
    station: Any, api: Api, node: str, clips: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALPR_AGENT_WITHDRAW_AFTER_S", "0.2")
    clip = clips("one")
    api.assign(node, 40, [camera("one", clip)])
    with agent(station.folder, api, node), station.running():
        wait_until(lambda: api.acknowledged(node) == 40, 30, "the acknowledgement")
        api.withdraw(node)
        wait_until(lambda: states(api.report(node)) == {}, 20, "no camera")
        wait_until(lambda: api.acknowledged(node) == 0, 20, "nothing acknowledged any more")
        api.assign(node, 1, [camera("one", clip)])
        wait_until(lambda: api.acknowledged(node) == 1, 20, "the new assignment")
        wait_until(lambda: states(api.report(node)) == {"one": "Streaming"}, 20, "the camera again")


def test_a_dead_api_server_costs_no_stream_and_no_news(
    station: Any, api: Api, node: str, clips: Callable[[str], Path], control_plane: Any
) -> None:
    kept, lost = clips("kept"), clips("lost")
    api.assign(node, 1, [camera("kept", kept), camera("lost", lost)])
    with agent(station.folder, api, node), station.running():
        wait_until(lambda: states(api.report(node)) == {"kept": "Streaming", "lost": "Streaming"}, 30, "both cameras")
        since = station.camera("kept").since
        control_plane.stop_api()
        try:
            lost.write_bytes(b"")
            wait_until(lambda: station.camera("lost").state.value == "Ended", 20, "what happens while nobody listens")
        finally:
            control_plane.start_api()
        wait_until(lambda: states(api.report(node)) == {"kept": "Streaming", "lost": "Ended"}, 60, "the news of then")
        api.assign(node, 2, [camera("kept", kept)])
        wait_until(lambda: api.acknowledged(node) == 2, 60, "the next assignment")
        assert station.camera("kept").since == since


def test_a_deleted_report_is_written_again(station: Any, api: Api, node: str, clips: Callable[[str], Path]) -> None:
    api.assign(node, 1, [], reportRefresh="1s")
    with agent(station.folder, api, node), station.running():
        wait_until(lambda: api.acknowledged(node) == 1, 30, "the acknowledgement")
        api.do(lambda c: c.delete(kinds.REPORTS, api.namespace, node))
        wait_until(lambda: api.acknowledged(node) == 1, 30, "the report again")


def test_a_node_that_was_set_up_anew_reports_under_the_pinned_key(
    station: Any, api: Api, node: str, clips: Callable[[str], Path], tmp_path: Path
) -> None:
    api.assign(node, 1, [])
    with agent(station.folder, api, node), station.running():
        wait_until(lambda: api.acknowledged(node) == 1, 30, "the acknowledgement")
    pinned = api.report(node)
    assert pinned is not None
    (station.folder / "node.key").unlink()
    if not refuses_another_key(api, node):
        pytest.fail("the API server lets the key change: the CRD's rule is missing")
    with agent(station.folder, api, node), station.running():
        wait_until(lambda: "SealingKeyAccepted" in types(api.report(node)), 30, "the condition")
        report = api.report(node)
        assert report is not None
        assert report.status.sealing_key == pinned.status.sealing_key
        said = next(c for c in report.status.conditions if c.type == "SealingKeyAccepted")
        assert (said.status, said.reason) == ("False", "KeyPinned")
        assert f"delete edgereport {node}" in said.message


def types(report: EdgeReport | None) -> set[str]:
    return {c.type for c in report.status.conditions} if report is not None else set()


def refuses_another_key(api: Api, node: str) -> bool:
    status = {"sealingKey": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    manifest = {
        "apiVersion": kinds.REPORTS.api_version, "kind": kinds.REPORTS.name,
        "metadata": {"name": node, "namespace": api.namespace}, "status": status,
    }  # fmt: skip
    try:
        api.do(lambda c: c.apply(kinds.REPORTS, manifest, subresource="status", dry_run=True))
    except Refused as e:
        return "sealingKey" in e.message
    return False
