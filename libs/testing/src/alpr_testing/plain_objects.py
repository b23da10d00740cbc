"""Objects as kubectl gives them, and a cluster of them in memory: for code that reads objects and changes a few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
API = "ovr-alpr.io/v1alpha1"
SINCE = "2026-03-01T08:00:00Z"
_KINDS = {
    "alprsites": "AlprSite",
    "cameras": "Camera",
    "edgeassignments": "EdgeAssignment",
    "edgereports": "EdgeReport",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
}


def turn(kind: str, status: str, reason: str = "Said", message: str = "") -> Object:
    """A condition that turned at SINCE."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": SINCE}


def site(
    name: str = "north", *, status: Mapping[str, Any] | None = None, annotations: Mapping[str, str] = {}, **spec: Any
) -> Object:
    """An AlprSite in a namespace of its name; Ready unless `status` says otherwise."""
    told = {
        "observedGeneration": 1,
        "nodes": {"desired": 2, "ready": 2, "offline": 0},
        "cameras": {"total": 3, "assigned": 3, "streaming": 3, "unassigned": 0},
        "units": {"total": 32, "used": 9},
        "conditions": [turn("Ready", "True", "Ready"), turn("Stalled", "False", "NotStalled")],
    }
    meta = {"name": name, "namespace": name, "generation": 1, "uid": f"site-{name}", "annotations": dict(annotations)}
    return {
        "apiVersion": API,
        "kind": "AlprSite",
        "metadata": meta,
        "spec": {"siteId": name, **spec},
        "status": {**told, **(status or {})},
    }


def camera(
    name: str = "gate-1",
    *,
    of: str = "north",
    node: str | None = "edge-1",
    conditions: Sequence[Object] | None = None,
    annotations: Mapping[str, str] = {},
    **spec: Any,
) -> Object:
    """A Camera that streams from `node` unless `conditions` say otherwise."""
    fine = [turn("Assigned", "True", "Assigned", f"on node {node}"), turn("Streaming", "True", "Streaming")]
    status: Object = {"observedGeneration": 1, "epoch": 1, "costUnits": 3, "conditions": list(conditions or fine)}
    if node is not None:
        status["nodeName"] = node
    source = {"protocol": "rtsp", "url": f"rtsp://192.0.2.10/{name}"}
    return {
        "apiVersion": API,
        "kind": "Camera",
        "metadata": {"name": name, "namespace": of, "generation": 1, "annotations": dict(annotations)},
        "spec": {"siteRef": {"name": of}, "source": source, **spec},
        "status": status,
    }


def node(
    name: str = "edge-1", *, of: str | None = "north", node_class: str = "cpu", ready: bool = True, **labels: str
) -> Object:
    """A Node of a site."""
    told = {"ovr-alpr.io/node-class": node_class, **labels} | ({"ovr-alpr.io/site": of} if of else {})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": f"node-{name}", "labels": told},
        "spec": {},
        "status": {"conditions": [turn("Ready", "True" if ready else "Unknown", "Kubelet")]},
    }


def assignment(
    name: str = "edge-1", *cameras: str, of: str = "north", revision: int = 4, released: Sequence[Object] = ()
) -> Object:
    """The EdgeAssignment of a node, with cameras since SINCE."""
    held = [{"name": one, "epoch": 1, "since": SINCE, "config": {}} for one in cameras]
    return {
        "apiVersion": API,
        "kind": "EdgeAssignment",
        "metadata": {"name": name, "namespace": of, "labels": {"ovr-alpr.io/site": of}},
        "spec": {"nodeName": name, "site": of, "revision": revision, "cameras": held, "released": list(released)},
    }


def report(name: str = "edge-1", *, of: str = "north", revision: int = 4, at: str = SINCE, **status: Any) -> Object:
    """The EdgeReport of a node, last written by its agent at `at`."""
    written = {"manager": "alpr-edge-agent", "operation": "Apply", "time": at}
    return {
        "apiVersion": API,
        "kind": "EdgeReport",
        "metadata": {"name": name, "namespace": of, "managedFields": [written]},
        "status": {"appliedRevision": revision, "nodeUid": f"node-{name}", **status},
    }


@dataclass
class PlainCluster:
    """Objects in memory behind the calls that `kubectl alpr` makes; it keeps what was patched and applied.

    Attributes:
        refusals: by kind, what asking for it raises.
    """

    target: Any
    objects: list[Object] = field(default_factory=list)
    refusals: dict[str, Exception] = field(default_factory=dict)
    patched: list[tuple[str, str, str | None, Mapping[str, Any], bool]] = field(default_factory=list)
    applied: list[Object] = field(default_factory=list)

    def opened(self, target: Any) -> PlainCluster:
        """Take the place of a real cluster."""
        self.target = target
        return self

    def get(self, *kinds: str, target: Any = None, name: str | None = None) -> list[Object]:
        """Objects of `kinds` within the target's namespace (of `default` where it names none)."""
        for kind in kinds:
            if kind in self.refusals:
                raise self.refusals[kind]
        wanted = {_KINDS.get(kind.partition(".")[0], "Node") for kind in kinds}
        found = [one for one in self.objects if one["kind"] in wanted and self._within(one, target)]
        return [one for one in found if name in (None, one["metadata"]["name"])]

    def names(self, kind: str) -> list[str]:
        """Names alone."""
        return [one["metadata"]["name"] for one in self.get(kind)]

    def patch(self, kind: str, name: str, namespace: str | None, change: Mapping[str, Any], *, dry_run: bool) -> None:
        """Note the change."""
        self.patched.append((kind, name, namespace, change, dry_run))

    def apply(self, manifests: Sequence[Object], *, dry_run: bool) -> str:
        """Note the manifests."""
        self.applied += [] if dry_run else manifests
        return "".join(f"{one['kind'].lower()}/{one['metadata']['name']} serverside-applied\n" for one in manifests)

    def _within(self, found: Object, target: Any) -> bool:
        asked = target or self.target
        namespace = found["metadata"].get("namespace")
        return namespace is None or asked.all_namespaces or namespace == (asked.namespace or "default")
