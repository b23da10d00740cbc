"""Many played agents on a real API server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpr_kubernetes import kinds
from alpr_testing.control_plane import ControlPlane
from alpr_testing.fault_proxy import FaultProxy
from alpr_testing.fleet_process import FleetProcess
from alpr_testing.objects import Objects
from alpr_testing.played_agent import Behaviour
from alpr_testing.served import overlaps, served_twice
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def objects(control_plane: ControlPlane) -> Iterator[Objects]:
    objects = Objects(control_plane.kubeconfig)
    yield objects
    objects.close()


class _Site:
    """The assignments and reports of a namespace."""

    def __init__(self, objects: Objects, namespace: str) -> None:
        self.objects = objects
        self.namespace = namespace

    def assign(self, node: str, revision: int, *cameras: str, epoch: int = 1) -> None:
        source = {"protocol": "rtsp", "url": "rtsp://192.0.2.1/one"}
        told = [{"name": one, "uid": f"uid-{one}", "epoch": epoch, "config": {"source": source}} for one in cameras]
        spec = {"nodeName": node, "site": self.namespace, "revision": revision, "cameras": told}
        meta = {"name": node, "namespace": self.namespace}
        kind = {"apiVersion": kinds.ASSIGNMENTS.api_version, "kind": "EdgeAssignment"}
        self.objects.apply({**kind, "metadata": meta, "spec": spec})

    def told(self, node: str) -> dict[str, Any]:
        return (self.objects.get(kinds.REPORTS, self.namespace, node) or {}).get("status") or {}

    def applied(self, node: str) -> int:
        return int(self.told(node).get("appliedRevision", 0))


@pytest.fixture
def site(objects: Objects, namespace: str) -> _Site:
    return _Site(objects, namespace)


@pytest.fixture(params=[True, False], ids=["watch-each", "one-watch"])
def fleet(request, control_plane: ControlPlane, site: _Site, tmp_path: Path) -> Iterator[FleetProcess]:
    nodes = {"a": site.namespace, "b": site.namespace}
    with FleetProcess(control_plane.kubeconfig, tmp_path, nodes, watch_each=request.param) as fleet:
        yield fleet


def test_agents_acknowledge_what_they_were_assigned(fleet: FleetProcess, site: _Site) -> None:
    site.assign("a", 1, "one", "two")
    site.assign("b", 1)
    until(lambda: site.applied("a") == site.applied("b") == 1, 20, "both have acknowledged")
    assert [(one["name"], one["state"]) for one in site.told("a")["cameras"]] == [
        ("one", "Streaming"),
        ("two", "Streaming"),
    ]
    site.assign("a", 2, "one")
    until(lambda: site.applied("a") == 2, 20, "the change is acknowledged")
    assert len(site.told("a")["cameras"]) == 1
    spans = fleet.stop()
    assert {(one.node, one.camera, one.epoch) for one in spans} == {("a", "one", 1), ("a", "two", 1)}


def test_agents_behave_as_they_are_told(fleet: FleetProcess, site: _Site) -> None:
    fleet.behave("b", Behaviour(units=12, sealing_key="a" * 44))
    until(lambda: site.told("b").get("capacity") == {"units": 12, "source": "bench"}, 20, "its capacity is known")
    site.assign("a", 1, "one")
    until(lambda: site.applied("a") == 1, 20, "it is acknowledged")
    fleet.behave("a", Behaviour(states={"one": ("AuthFailed", "wrong password")}, gates={"fpsRatio": 0.5}))
    until(lambda: site.told("a")["cameras"][0]["state"] == "AuthFailed", 20, "the camera has failed")
    assert site.told("a")["gates"] == {"fpsRatio": 0.5}
    fleet.behave("a", Behaviour(offline=True))
    fleet.behave("b", Behaviour(units=13, sealing_key="a" * 44))  # what is told later is known no sooner
    until(lambda: site.told("b").get("capacity") == {"units": 13, "source": "bench"}, 20, "both know")
    site.assign("a", 2)
    site.assign("b", 1, "one", epoch=2)
    until(lambda: site.applied("b") == 1, 20, "the other has it")
    assert site.applied("a") == 1
    fleet.behave("a", Behaviour())
    until(lambda: site.applied("a") == 2, 20, "it lets go once it is back")
    assert "gates" not in site.told("a")
    spans = fleet.stop()
    assert served_twice(spans) == {}
    assert len(list(overlaps(spans))) == 1


def test_agents_behind_a_cut_line_catch_up(control_plane: ControlPlane, site: _Site, tmp_path: Path) -> None:
    with FaultProxy(control_plane.port) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        control_plane.kubectl("create", "serviceaccount", "fleet", "-n", site.namespace)
        account = f"--serviceaccount={site.namespace}:fleet"
        control_plane.kubectl("create", "clusterrolebinding", site.namespace, "--clusterrole=cluster-admin", account)
        config = control_plane.kubeconfig_for("fleet", site.namespace, url=url)
        with FleetProcess(config, tmp_path, {"a": site.namespace}):
            site.assign("a", 1, "one")
            until(lambda: site.applied("a") == 1, 20, "it is acknowledged")
            proxy.set("refuse")
            site.assign("a", 2, "one", "two")
            until(lambda: proxy.open_connections == 0, 10, "nothing is open")
            assert site.applied("a") == 1
            proxy.set("pass")
            until(lambda: site.applied("a") == 2, 60, "it has caught up")


@pytest.mark.long
def test_625_agents_fit_one_process(control_plane: ControlPlane, objects: Objects, tmp_path: Path) -> None:
    namespace = control_plane.new_namespace()
    site, nodes = _Site(objects, namespace), [f"n-{number:03}" for number in range(625)]
    with FleetProcess(control_plane.kubeconfig, tmp_path, dict.fromkeys(nodes, namespace), settle_s=2) as fleet:
        for node in nodes:
            site.assign(node, 1, *(f"{node}-{number}" for number in range(16)))
        until(lambda: _acknowledged(site) == set(nodes), 120, "all have acknowledged")
        assert fleet.process is not None
        used = Path(f"/proc/{fleet.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu_s = (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")
        assert cpu_s < 15, "it takes little from what is measured beside it"


def _acknowledged(site: _Site) -> set[str]:
    listed = site.objects.list(kinds.REPORTS, site.namespace)
    return {one["metadata"]["name"] for one in listed if (one.get("status") or {}).get("appliedRevision") == 1}
