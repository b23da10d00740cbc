"""Sites, nodes and cameras of one rung of the operator's ladder, put onto a control plane; and the rights to work there."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alpr_kubernetes import Client, Object, from_kubeconfig, kinds
from alpr_testing.control_plane import ControlPlane

ROOT = Path(__file__).parent.parent.parent
SYSTEM, OPERATOR, FLEET, IDIOM = "alpr-system", "alpr-operator", "bench-fleet", "bench-idiom"
CAMERAS_A_SITE, CAMERAS_A_NODE = 40, 16
AT_ONCE = 20
_LEFT_OUT = {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap", "CustomResourceDefinition"}


@dataclass(frozen=True)
class Rung:
    """So many cameras: forty a site, sixteen a node on average."""

    cameras: int

    @property
    def sites(self) -> list[str]:
        return [f"site-{number:03}" for number in range(math.ceil(self.cameras / CAMERAS_A_SITE))]

    @property
    def nodes(self) -> dict[str, str]:
        """Node → its site, which is its namespace too."""
        count = math.ceil(self.cameras / CAMERAS_A_NODE)
        return {f"edge-{number:04}": self.sites[number % len(self.sites)] for number in range(count)}

    @property
    def camera_names(self) -> list[tuple[str, str]]:
        """(namespace, name) of each camera."""
        return [(self.sites[number // CAMERAS_A_SITE], f"cam-{number:05}") for number in range(self.cameras)]


def camera(namespace: str, name: str) -> Object:
    """A Camera of some 900 bytes, as a person would write it."""
    number = int(name[-5:])
    source = {"protocol": "rtsp", "url": f"rtsp://192.0.2.{number % 250 + 1}:554/{name}/Streaming/Channels/101"}
    zone = {"points": [[0.05, 0.4], [0.95, 0.4], [0.98, 0.97], [0.02, 0.97]]}
    analytics = {
        "lane": f"lane {number % 4 + 1}",
        "direction": "towards",
        "roi": [zone],
        "ignore": [{"points": [[0.0, 0.0], [0.3, 0.0], [0.3, 0.1], [0.0, 0.1]]}],
        "countries": ["DE", "AT", "CH", "PL", "CZ"],
        "minConfidence": 0.6,
    }
    labels = {"app.kubernetes.io/part-of": "parking", "example.com/building": f"building-{number % 9}"}
    notes = {"example.com/installed-by": "Example Installations Ltd, order 2026-0815", "example.com/height": "4.2 m"}
    return {
        "apiVersion": kinds.CAMERAS.api_version,
        "kind": "Camera",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "annotations": notes},
        "spec": {
            "siteRef": {"name": namespace},
            "displayName": f"Entrance {number % 12}, lane {number % 4 + 1}",
            "source": source,
            "stream": {"codec": "h264", "width": 1920, "height": 1080, "fps": 10},
            "analytics": analytics,
        },
    }


def site(name: str) -> Object:
    """An AlprSite whose nodes all its cameras fit on, with room for one node's loss."""
    return {
        "apiVersion": kinds.SITES.api_version,
        "kind": "AlprSite",
        "metadata": {"name": name, "namespace": name},
        "spec": {"siteId": name, "nodeClasses": [{"name": "cpu", "capacityUnits": 48}]},
    }


def node(name: str, site_name: str) -> Object:
    """A Node that KWOK plays."""
    labels = {
        "ovr-alpr.io/site": site_name,
        "ovr-alpr.io/node-class": "cpu",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
    }
    meta = {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta}


def _access(namespace: str) -> Object:
    """The operator's rights in a site's namespace, as the chart of a site gives them."""
    return {
        "apiVersion": kinds.ROLE_BINDINGS.api_version,
        "kind": "RoleBinding",
        "metadata": {"name": OPERATOR, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{OPERATOR}-site"},
        "subjects": [{"kind": "ServiceAccount", "name": OPERATOR, "namespace": SYSTEM}],
    }


def install(plane: ControlPlane) -> None:
    """All of the operator's chart but its Deployment and what serves that; and the fleet's own account."""
    plane.kubectl("create", "namespace", SYSTEM)
    chart = [str(plane.programs / "helm"), "template", OPERATOR, str(ROOT / "helm/alpr-operator"), "-n", SYSTEM]
    rendered = subprocess.run(chart, check=True, capture_output=True, text=True).stdout
    kept = [one for one in yaml.safe_load_all(rendered) if one and one["kind"] not in _LEFT_OUT]
    kept = [one for one in kept if "helm.sh/hook" not in (one["metadata"].get("annotations") or {})]
    for account, role in ((FLEET, "bench-fleet"), (IDIOM, "cluster-admin")):
        kept += _account(account, role)
    kept.append(_fleet_role())
    plane.kubectl("apply", "-n", SYSTEM, "-f", "-", stdin=yaml.safe_dump_all(kept))


def _account(name: str, role: str) -> list[Object]:
    subject = {"kind": "ServiceAccount", "name": name, "namespace": SYSTEM}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    binding = {"apiVersion": kinds.ROLE_BINDINGS.api_version, "kind": "ClusterRoleBinding", "metadata": {"name": name}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": SYSTEM}}
    return [account, {**binding, "roleRef": ref, "subjects": [subject]}]


def _fleet_role() -> Object:
    """What each agent may do in its namespace, here for all of them in one process."""
    watched = {"apiGroups": ["ovr-alpr.io"], "resources": ["edgeassignments"], "verbs": ["get", "list", "watch"]}
    reports = ["edgereports", "edgereports/status"]
    written = {"apiGroups": ["ovr-alpr.io"], "resources": reports, "verbs": ["get", "create", "update", "patch"]}
    kind = {"apiVersion": kinds.ROLES.api_version, "kind": "ClusterRole"}
    return {**kind, "metadata": {"name": "bench-fleet"}, "rules": [watched, written]}


async def populate(kubeconfig: Path, rung: Rung) -> None:
    """Create everything of `rung`, twenty requests at once; returns once all nodes are ready."""
    async with Client(from_kubeconfig(kubeconfig), "bench", connections=AT_ONCE, timeout_s=60) as client:
        names = rung.sites
        await _all(client, ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names))
        await _all(client, (_access(name) for name in names))
        await _all(client, (node(name, where) for name, where in rung.nodes.items()))
        await _all(client, (site(name) for name in names))
        await _all(client, (camera(*told) for told in rung.camera_names))
        await _nodes_ready(client, len(rung.nodes))


async def _all(client: Client, manifests: Iterable[Object]) -> None:
    waiting = iter(list(manifests))

    async def work() -> None:
        for manifest in waiting:
            await client.create(kinds.BY_NAME[manifest["kind"]], manifest)

    await at_once(work)


async def at_once(work: Callable[[], Awaitable[None]], count: int = AT_ONCE) -> None:
    """Run `work` `count` times side by side."""
    await asyncio.gather(*(work() for _ in range(count)))


async def _nodes_ready(client: Client, count: int) -> None:
    async with asyncio.timeout(300):
        while sum(map(_is_ready, await client.list(kinds.NODES))) < count:  # noqa: ASYNC110 - seconds, not events
            await asyncio.sleep(1)


def _is_ready(told: Object) -> bool:
    conditions: list[dict[str, Any]] = told.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def camera_bytes() -> int:
    """The size of a Camera as it is sent."""
    return len(json.dumps(camera("site-000", "cam-00000")))
