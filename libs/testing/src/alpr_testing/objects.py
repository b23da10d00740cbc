"""Objects on a real API server, from a test's point of view: put, change, look, wait."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from alpr_kubernetes import Kind, Object, from_kubeconfig, kinds
from alpr_testing.waiting import until


class Objects:
    """A blocking client with a kubeconfig's identity; refusals raise `Refusal`."""

    def __init__(self, kubeconfig: Path, manager: str = "test") -> None:
        connection = from_kubeconfig(kubeconfig)
        token = connection.token() if connection.token else ""
        self._manager = manager
        self._http = httpx.Client(
            base_url=connection.server,
            verify=connection.ssl_context() or ssl.create_default_context(),
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """One object; None where there is none."""
        try:
            return self._sent("GET", kind.path(namespace, name))
        except Refusal as e:
            if e.status == 404:
                return None
            raise

    def list(self, kind: Kind, namespace: str | None = None, **params: str) -> list[Object]:
        """All objects of a kind."""
        return list(self._sent("GET", kind.path(namespace), params=params)["items"])

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Create one."""
        kind = kinds.BY_NAME[manifest["kind"]]
        params = {"dryRun": "All"} if dry_run else {}
        return self._sent("POST", kind.path(manifest["metadata"].get("namespace")), manifest, params=params)

    def apply(self, manifest: Mapping[str, Any], *, subresource: str | None = None) -> Object:
        """Server-side apply, by force."""
        kind, meta = kinds.BY_NAME[manifest["kind"]], manifest["metadata"]
        path = kind.path(meta.get("namespace"), meta["name"], subresource)
        params = {"fieldManager": self._manager, "force": "true"}
        return self._sent("PATCH", path, manifest, params=params, content="application/apply-patch+yaml")

    def merge(
        self, kind: Kind, namespace: str | None, name: str, patch: Mapping[str, Any], *, subresource: str | None = None
    ) -> Object:
        """JSON merge patch."""
        path = kind.path(namespace, name, subresource)
        return self._sent("PATCH", path, patch, content="application/merge-patch+json")

    def delete(self, kind: Kind, namespace: str | None, name: str) -> None:
        """Delete one; what depends on it goes in the background."""
        body = {"propagationPolicy": "Background"}
        self._sent("DELETE", kind.path(namespace, name), body)

    def text(self, path: str) -> str:
        """What stands at `path`, such as /metrics."""
        return self._http.get(path).raise_for_status().text

    def _sent(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        content: str = "application/json",
    ) -> Object:
        data = None if body is None else json.dumps(body, ensure_ascii=False)
        answer = self._http.request(method, path, params=params, content=data, headers={"Content-Type": content})
        told = answer.json()
        if answer.status_code >= 400:
            raise Refusal(answer.status_code, str(told.get("message")))
        return dict(told)


class Refusal(Exception):
    """What the API server refused, with its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


@contextmanager
def _unless_gone() -> Iterator[None]:
    try:
        yield
    except Refusal as e:
        if e.status != 404:
            raise


def condition(thing: Object | None, kind: str) -> Mapping[str, Any]:
    """The condition `kind` of an object's status; empty where it has none."""
    told = ((thing or {}).get("status") or {}).get("conditions") or ()
    return next((one for one in told if one["type"] == kind), {})


class TestSite:
    """A site in a namespace of its own: its AlprSite, nodes, cameras, and the operator's right there."""

    __test__ = False

    def __init__(
        self, objects: Objects, namespace: str, operator: tuple[str, str] = ("alpr-system", "alpr-operator")
    ) -> None:
        self.objects = objects
        self.namespace = namespace
        self.name = namespace
        self._operator = operator

    def made(self, *, access: bool = True, **spec: Any) -> TestSite:
        """Create namespace, RoleBinding and AlprSite."""
        self.objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
        if access:
            self.give_access()
        self.change(**spec)
        return self

    def unmade(self) -> None:
        """Take away what belongs to the site, and its nodes. Nothing is waited for: a failed test stays alone."""
        for node in self.objects.list(kinds.NODES, labelSelector=f"ovr-alpr.io/site={self.name}"):
            with _unless_gone():
                self.objects.delete(kinds.NODES, None, node["metadata"]["name"])
        for kind in (kinds.CAMERAS, kinds.SITES, kinds.ASSIGNMENTS, kinds.REPORTS):
            for one in self.objects.list(kind, self.namespace):
                name = one["metadata"]["name"]
                with _unless_gone():
                    self.objects.delete(kind, self.namespace, name)
                    if one["metadata"].get("finalizers"):
                        self.objects.merge(kind, self.namespace, name, {"metadata": {"finalizers": None}})

    def give_access(self) -> None:
        """Bind the operator to its role in this namespace, as the chart of a site does."""
        namespace, name = self._operator
        self.objects.apply(
            {
                "apiVersion": kinds.ROLE_BINDINGS.api_version,
                "kind": "RoleBinding",
                "metadata": {"name": "alpr-operator", "namespace": self.namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{name}-site"},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            }
        )

    def change(self, **spec: Any) -> None:
        """Set the AlprSite's spec."""
        self.objects.apply(
            {
                "apiVersion": kinds.SITES.api_version,
                "kind": "AlprSite",
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": {"siteId": self.name, **spec},
            }
        )

    def camera(self, name: str, *, annotations: Mapping[str, str] | None = None, **spec: Any) -> None:
        """Apply a Camera; `spec` beyond siteRef and source."""
        number = sum(name.encode()) % 250
        source = {"protocol": "rtsp", "url": f"rtsp://192.0.2.{number}:554/{name}"}
        self.objects.apply(
            {
                "apiVersion": kinds.CAMERAS.api_version,
                "kind": "Camera",
                "metadata": {"name": name, "namespace": self.namespace, "annotations": dict(annotations or {})},
                "spec": {"siteRef": {"name": self.name}, "source": source, **spec},
            }
        )

    def cameras(self, count: int, **spec: Any) -> list[str]:
        """Apply cam-000 and so on; their names."""
        names = [f"cam-{number:03}" for number in range(count)]
        for name in names:
            self.camera(name, **spec)
        return names

    def node(self, name: str, *, node_class: str = "cpu", ready: bool = True, **labels: str) -> None:
        """Create a Node of this site."""
        told = {"ovr-alpr.io/site": self.name, "ovr-alpr.io/node-class": node_class, **labels}
        meta = {"name": name, "labels": told}
        self.objects.create({"apiVersion": "v1", "kind": "Node", "metadata": meta})
        self.node_turns(name, ready=ready)

    def node_turns(self, name: str, *, ready: bool, ago_s: float = 0) -> None:
        """The Node is ready, or has not been for `ago_s`."""
        since = (datetime.now(UTC) - timedelta(seconds=ago_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = {
            "type": "Ready",
            "status": "True" if ready else "Unknown",
            "reason": "Test",
            "message": "",
            "lastHeartbeatTime": since,
            "lastTransitionTime": since,
        }
        self.objects.merge(kinds.NODES, None, name, {"status": {"conditions": [told]}}, subresource="status")

    def ack(self, *nodes: str, states: Mapping[str, str] = {}, **status: Any) -> None:
        """Report for `nodes` (all of the site where none is named) as their agents would, having applied everything.

        Cameras stream, apart from those in `states`; further fields of the report's status as given.
        """
        for node, assignment in self.assignments().items():
            if nodes and node not in nodes:
                continue
            spec = assignment["spec"]
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            cameras = [
                {"name": one["name"], "state": states.get(one["name"], "Streaming"), "reason": "", "since": now}
                for one in spec.get("cameras") or ()
            ]
            told = {"appliedRevision": spec["revision"], "cameras": cameras, "appliedModels": spec.get("models") or {}}
            told |= {"nodeUid": spec["nodeUid"]} if "nodeUid" in spec else {}
            self.report(node, {**told, **status})

    def report(self, node: str, status: Mapping[str, Any]) -> None:
        """Write a node's EdgeReport."""
        head = {
            "apiVersion": kinds.REPORTS.api_version,
            "kind": "EdgeReport",
            "metadata": {"name": node, "namespace": self.namespace},
        }
        self.objects.apply(head)
        self.objects.apply({**head, "status": dict(status)}, subresource="status")

    def site(self) -> Object | None:
        """The AlprSite as it is."""
        return self.objects.get(kinds.SITES, self.namespace, self.name)

    def seen(self, name: str) -> Object | None:
        """A Camera as it is."""
        return self.objects.get(kinds.CAMERAS, self.namespace, name)

    def assignments(self) -> dict[str, Object]:
        """EdgeAssignments by node."""
        return {one["metadata"]["name"]: one for one in self.objects.list(kinds.ASSIGNMENTS, self.namespace)}

    def placed(self) -> dict[str, tuple[str, int]]:
        """Camera → (node, epoch) by the assignments, the highest epoch where a lost node still stands in one.

        Raises AssertionError where a camera is on two nodes in one epoch.
        """
        where: dict[str, tuple[str, int]] = {}
        for node, assignment in self.assignments().items():
            for camera in assignment["spec"].get("cameras") or ():
                other, epoch = where.get(camera["name"], (node, 0))
                if other != node and epoch == camera["epoch"]:
                    raise AssertionError(f"{camera['name']} is on {other} and {node} in epoch {epoch}")
                if camera["epoch"] > epoch:
                    where[camera["name"]] = (node, camera["epoch"])
        return where

    def revisions(self) -> dict[str, int]:
        """Node → revision."""
        return {node: one["spec"]["revision"] for node, one in self.assignments().items()}

    def told(self, name: str, kind: str) -> tuple[str, str]:
        """(status, reason) of a camera's condition."""
        found = condition(self.seen(name), kind)
        return found.get("status", ""), found.get("reason", "")

    def site_told(self, kind: str) -> tuple[str, str]:
        """(status, reason) of the site's condition."""
        found = condition(self.site(), kind)
        return found.get("status", ""), found.get("reason", "")

    def until_placed(self, names: Iterable[str], within_s: float = 30) -> dict[str, tuple[str, int]]:
        """Wait until all of `names` are on nodes; where they are."""
        wanted = set(names)
        self.until(lambda: wanted <= self.placed().keys(), within_s, f"{len(wanted)} cameras have nodes")
        return self.placed()

    def until(self, holds: Callable[[], bool], within_s: float, what: str) -> None:
        """Wait for something of this site; what is there is told where it does not come."""
        try:
            until(holds, within_s, what)
        except TimeoutError as e:
            raise TimeoutError(f"{e}\n{yaml.safe_dump((self.site() or {}).get('status'))}") from None
