"""Nodes and pods as KWOK plays them, under Kubernetes' own controllers and scheduler."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event

import pytest
import yaml

from alpr_kubernetes import Object, kinds
from alpr_testing.control_plane import ControlPlane
from alpr_testing.kwok_nodes import KwokNodes
from alpr_testing.objects import Objects, condition
from alpr_testing.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def objects(cluster: ControlPlane) -> Iterator[Objects]:
    objects = Objects(cluster.kubeconfig)
    yield objects
    objects.close()


@pytest.fixture(scope="module")
def nodes(cluster: ControlPlane) -> Iterator[KwokNodes]:
    nodes = KwokNodes(cluster)
    yield nodes
    nodes.close()


class _Pool:
    """Two nodes of a test alone and a DaemonSet for them with all that ours have."""

    def __init__(self, plane: ControlPlane, nodes: KwokNodes) -> None:
        self.namespace = plane.new_namespace()
        self.names = [f"{self.namespace}-{letter}" for letter in "ab"]
        nodes.made(self.names, {"example.com/pool": self.namespace})
        plane.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([self._runtime_class(), self._daemon_set()]))

    def _runtime_class(self) -> Object:
        meta = {"name": self.namespace}
        return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": meta, "handler": "nvidia"}

    def _daemon_set(self) -> Object:
        mount = {"name": "data", "mountPath": "/data"}
        pod = {
            "runtimeClassName": self.namespace,
            "nodeSelector": {"example.com/pool": self.namespace},
            "tolerations": [{"operator": "Exists"}],
            "initContainers": [
                {"name": "agent", "image": "example.com/one", "restartPolicy": "Always"},
                {"name": "once", "image": "example.com/one"},
            ],
            "containers": [{"name": "pipeline", "image": "example.com/one", "volumeMounts": [mount]}],
            "volumes": [{"name": "data", "hostPath": {"path": "/var/lib/example", "type": "DirectoryOrCreate"}}],
        }
        spec = {
            "selector": {"matchLabels": {"app": "one"}},
            "updateStrategy": {"type": "OnDelete"},
            "template": {"metadata": {"labels": {"app": "one"}}, "spec": pod},
        }
        meta = {"name": "one", "namespace": self.namespace}
        return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta, "spec": spec}

    def running(self, objects: Objects) -> dict[str, Object]:
        """Node → its pod that runs and is ready."""
        listed = objects.list(kinds.PODS, self.namespace)
        return {one["spec"]["nodeName"]: one for one in listed if _runs(one)}


def _runs(pod: Object) -> bool:
    ready = condition(pod, "Ready").get("status") == "True"
    return ready and pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]


@pytest.fixture
def pool(cluster: ControlPlane, nodes: KwokNodes, objects: Objects) -> Iterator[_Pool]:
    pool = _Pool(cluster, nodes)
    until(lambda: pool.running(objects).keys() == set(pool.names), 30, "a pod runs on each node")
    yield pool
    for name in pool.names:
        nodes.gone(name)


def test_pods_of_a_daemon_set_run_with_sidecar_and_runtime_class(objects: Objects, pool: _Pool) -> None:
    pod = pool.running(objects)[pool.names[0]]
    assert pod["spec"]["runtimeClassName"] == pool.namespace
    told = {one["name"]: one for one in pod["status"]["initContainerStatuses"]}
    assert "running" in told["agent"]["state"]
    assert told["once"]["state"]["terminated"]["exitCode"] == 0
    assert pod["status"]["containerStatuses"][0]["ready"] is True
    until(lambda: _ready_number(objects, pool) == 2, 10, "the DaemonSet counts both as ready")


def _ready_number(objects: Objects, pool: _Pool) -> int:
    found = objects.get(kinds.DAEMON_SETS, pool.namespace, "one")
    return int((found or {})["status"]["numberReady"])


def test_a_deleted_pod_goes_and_the_next_one_runs(objects: Objects, pool: _Pool) -> None:
    node = pool.names[0]
    old = pool.running(objects)[node]["metadata"]
    objects.delete(kinds.PODS, pool.namespace, old["name"])
    until(lambda: node in pool.running(objects), 20, "the next pod runs")
    assert pool.running(objects)[node]["metadata"]["uid"] != old["uid"]
    assert objects.get(kinds.PODS, pool.namespace, old["name"]) is None


def test_a_dark_node_stays_dark_and_lets_no_pod_go_until_it_is_back(
    nodes: KwokNodes, objects: Objects, pool: _Pool
) -> None:
    dark, lit = pool.names
    nodes.goes_dark(dark)
    assert dark not in nodes.ready()
    assert lit in nodes.ready()
    (old,) = nodes.pods(dark)
    objects.delete(kinds.PODS, pool.namespace, old["metadata"]["name"])
    Event().wait(3)  # that nothing happens can only be waited for
    assert dark not in nodes.ready()
    assert [one["metadata"]["uid"] for one in nodes.pods(dark)] == [old["metadata"]["uid"]]
    nodes.comes_back(dark)
    until(lambda: dark in pool.running(objects), 30, "a new pod runs on it")
    assert old["metadata"]["uid"] not in {one["metadata"]["uid"] for one in nodes.pods(dark)}


def test_pods_of_a_node_that_was_dark_are_ready_again(nodes: KwokNodes, objects: Objects, pool: _Pool) -> None:
    dark = pool.names[0]
    before = pool.running(objects)[dark]["metadata"]["uid"]
    nodes.goes_dark(dark)
    assert dark not in pool.running(objects)
    nodes.comes_back(dark)
    until(lambda: dark in pool.running(objects), 30, "its pod is ready again")
    assert pool.running(objects)[dark]["metadata"]["uid"] == before


@pytest.mark.long
def test_a_node_that_is_gone_takes_its_pod_along(nodes: KwokNodes, objects: Objects, pool: _Pool) -> None:
    nodes.gone(pool.names[0])
    until(lambda: not nodes.pods(pool.names[0]), 60, "its pod is gone")
    nodes.made(pool.names[:1], {"example.com/pool": pool.namespace})


def test_a_hundred_nodes_are_ready_within_seconds(nodes: KwokNodes, cluster: ControlPlane) -> None:
    prefix = cluster.new_namespace()
    names = [f"{prefix}-{number:03}" for number in range(100)]
    began = time.monotonic()
    nodes.made(names)
    assert time.monotonic() - began < 20
    for name in names:
        nodes.gone(name)
