"""Nodes that KWOK plays on a control plane with `nodes=True`: many at once, going dark and coming back.

A dark node is as a node whose link is cut: it and its pods are not Ready, as Kubernetes then marks them, and what is
asked of the pods (such as to end) happens only when it is back. Only a pod made on it meanwhile would run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from alpr_kubernetes import Client, Object, from_kubeconfig, kinds
from alpr_testing.control_plane import ControlPlane
from alpr_testing.objects import Objects, condition
from alpr_testing.waiting import until

PLAYED: Mapping[str, str] = {"kwok.x-k8s.io/node": "fake"}
"""The annotation of a Node that KWOK shall play."""
_DARK = "ovr-alpr.io/dark"  # kwok_stages.yaml leaves nodes and pods with it alone
_AT_ONCE = 20


def node(name: str, labels: Mapping[str, str] | None = None) -> Object:
    """A Node for KWOK to play, with the labels of an ordinary one and `labels`."""
    usual = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name}
    meta = {"name": name, "labels": {**usual, **(labels or {})}, "annotations": dict(PLAYED)}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta}


class KwokNodes:
    """The played nodes of a control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._objects = Objects(plane.kubeconfig)

    def close(self) -> None:
        """Close the connections."""
        self._objects.close()

    def made(self, names: Sequence[str], labels: Mapping[str, str] | None = None, *, within_s: float = 60) -> None:
        """Make Nodes of `names` and wait until all are ready."""
        asyncio.run(self._made([node(name, labels) for name in names]))
        until(lambda: set(names) <= self.ready(), within_s, f"{len(names)} nodes are ready")

    async def _made(self, nodes: Sequence[Object]) -> None:
        async with Client(from_kubeconfig(self._plane.kubeconfig), "test", connections=_AT_ONCE) as client:
            await asyncio.gather(*(client.create(kinds.NODES, one) for one in nodes))

    def ready(self) -> set[str]:
        """Names of all Nodes that are ready now."""
        listed = self._objects.list(kinds.NODES)
        return {one["metadata"]["name"] for one in listed if condition(one, "Ready").get("status") == "True"}

    def goes_dark(self, name: str) -> None:
        """Cut the node's link."""
        self._annotate(name, "true")
        told = _ready_condition("Unknown", "NodeStatusUnknown")
        self._objects.merge(kinds.NODES, None, name, {"status": {"conditions": [told]}}, subresource="status")
        for pod in self.pods(name):
            meta = pod["metadata"]
            others = [one for one in pod["status"].get("conditions") or () if one["type"] != "Ready"]
            patch = {"status": {"conditions": [*others, _ready_condition("False", "NodeNotReady")]}}
            self._objects.merge(kinds.PODS, meta["namespace"], meta["name"], patch, subresource="status")

    def comes_back(self, name: str, *, within_s: float = 30) -> None:
        """Mend its link, and wait until it is ready."""
        self._annotate(name, None)
        until(lambda: name in self.ready(), within_s, f"{name} is ready again")

    def gone(self, name: str) -> None:
        """Delete the Node; its pods go 40 s later, as Kubernetes has it."""
        self._objects.delete(kinds.NODES, None, name)

    def pods(self, name: str) -> list[Object]:
        """The pods that are bound to it."""
        return self._objects.list(kinds.PODS, fieldSelector=f"spec.nodeName={name}")

    def _annotate(self, name: str, dark: str | None) -> None:
        patch = {"metadata": {"annotations": {_DARK: dark}}}
        for pod in self.pods(name):
            meta = pod["metadata"]
            self._objects.merge(kinds.PODS, meta["namespace"], meta["name"], patch)
        self._objects.merge(kinds.NODES, None, name, patch)


def _ready_condition(status: str, reason: str) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {"type": "Ready", "status": status, "reason": reason, "message": ""}
    return {**told, "lastTransitionTime": now}
