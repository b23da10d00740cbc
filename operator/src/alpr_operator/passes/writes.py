"""What must be written so that the server says what was planned: only what differs. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from alpr_kubernetes import Kind, Object, kinds
from alpr_operator.credentials import Secret, sealed_for
from alpr_operator.desired import (
    EdgeClass,
    Nodes,
    NodeWork,
    Serving,
    content_of,
    covers,
    daemon_set,
    manifest_of,
    network_policy,
    role,
    role_binding,
    service_account,
)
from alpr_operator.passes.planned import Planned
from alpr_operator.plan import Held, Released
from alpr_operator.store import APPLIED_HASH, DRAIN_FINALIZER, SITE_LABEL, Pair, SeenCamera, SeenChild
from alpr_operator.writes import Lane, Write

SecretsRead = Mapping[Pair, Secret | None]


def assignment_writes(told: Planned, secrets: SecretsRead, models: Mapping[str, Mapping[str, Any]]) -> list[Write]:
    """Each node's EdgeAssignment where it differs; those of gone nodes go once nothing hangs on them."""
    cameras = {camera.name: camera for camera in told.view.cameras}
    held: dict[str, list[Held]] = defaultdict(list)
    for placement in told.plan.placed.values():
        held[placement.node].append(placement)
    released: dict[str, list[Released]] = defaultdict(list)
    for release in told.plan.released:
        released[release.node].append(release)
    writes = []
    for node in sorted({*told.nodes, *told.known}):
        work = _node_work(told, node, held[node], released[node], cameras, secrets, models.get(node, {}))
        writes += _assignment_write(told, work)
    return writes


def _node_work(
    told: Planned,
    node: str,
    held: list[Held],
    released: list[Released],
    cameras: Mapping[str, SeenCamera],
    secrets: SecretsRead,
    models: Mapping[str, Any],
) -> NodeWork:
    there, known = told.nodes.get(node), told.known.get(node)
    key = there.report.sealing_key if there and there.report else None
    sealing = told.spec.edge.credentials == "Sealed"

    def serving(placement: Held) -> Serving:
        camera = cameras[placement.camera]
        if not sealing or camera.secret is None:
            return Serving(camera, placement)
        before = known.sealed.get(camera.name) if known else None
        secret = secrets.get(Pair(camera.site.namespace, camera.secret))
        return Serving(camera, placement, sealed_for(secret, key, before))

    uid = there.seen.uid if there else known.node_uid if known else ""
    fenced = told.spec.assignment.failover.enabled and len(told.nodes) > 1
    applied = there.report.applied_revision if there and there.report else 0
    return NodeWork(node, uid, [serving(placement) for placement in held], released, models, fenced, applied)


def _assignment_write(told: Planned, work: NodeWork) -> list[Write]:
    known = told.known.get(work.node)
    if work.node not in told.nodes and not work.cameras and not work.released:
        return [_deleted(kinds.ASSIGNMENTS, told, work.node, known.seen.uid, "node gone")] if known else []
    manifest = manifest_of(
        told.owner, content_of(work, told.spec), known.seen if known else None, work.applied_revision
    )
    if manifest is None:
        return []
    reason = "changed" if known else "new"
    return [Write("apply", kinds.ASSIGNMENTS, manifest, Lane.ASSIGNMENT, told.site.key, reason=reason)]


def desired_children(told: Planned, daemon_sets: Iterable[Object]) -> list[tuple[Kind, Object]]:
    """Everything beside the assignments that a site has."""
    secrets = [camera.secret for camera in told.view.cameras if camera.secret]
    enabled = [camera for camera in told.view.cameras if camera.enabled]
    udp = any(b'"transport":"udp"' in camera.config for camera in enabled)
    policy = network_policy(told.owner, (camera.url for camera in enabled), udp=udp)
    return [
        (kinds.SERVICE_ACCOUNTS, service_account(told.owner)),
        (kinds.ROLES, role(told.owner, secrets if told.spec.edge.credentials == "Secret" else ())),
        (kinds.ROLE_BINDINGS, role_binding(told.owner)),
        (kinds.NETWORK_POLICIES, policy),
        *((kinds.DAEMON_SETS, manifest) for manifest in daemon_sets),
    ]


def desired_daemon_sets(told: Planned, classes: tuple[EdgeClass, ...], *, every: bool = False) -> dict[str, Object]:
    """A DaemonSet for each class that the site names, and for shipped ones where there is such a node; by class.

    With `every` one for all classes, whether they are needed or not.
    """
    named = {known.name for known in told.spec.node_classes}
    wanted = named | {node.told.name for node in told.nodes.values()}
    selector = dict(told.spec.edge.node_selector) or {SITE_LABEL: told.site.key.name}
    sinks = told.spec.sinks_ref.name if told.spec.sinks_ref else None
    nodes = Nodes(selector, told.spec.edge.host_path, sinks)
    return {known.name: daemon_set(told.owner, known, nodes) for known in classes if every or known.name in wanted}


def child_writes(told: Planned, desired: list[tuple[Kind, Object]]) -> list[Write]:
    """Children that are missing, that differ in what is ours, or that nobody wants any more."""
    writes = []
    for kind, manifest in desired:
        seen = told.view.children.get((kind.name, manifest["metadata"]["name"]))
        if reason := _differs(seen, manifest):
            writes.append(Write("apply", kind, manifest, Lane.CHILD, told.site.key, reason=reason))
    wanted = {(kind.name, manifest["metadata"]["name"]) for kind, manifest in desired}
    for key, seen in told.view.children.items():
        if key not in wanted:
            writes.append(_deleted(seen.kind, told, seen.name, seen.uid, "unwanted"))
    return writes


def _differs(seen: SeenChild | None, manifest: Object) -> str:
    """Why `manifest` must be applied; empty where it need not be."""
    if seen is None:
        return "new"
    if seen.applied_hash != manifest["metadata"]["annotations"][APPLIED_HASH]:
        return "changed"
    content = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    return "" if covers(seen.manifest, content) else "drift"


def _deleted(kind: Kind, told: Planned, name: str, uid: str, reason: str) -> Write:
    meta = {"name": name, "namespace": told.site.key.namespace, "uid": uid}
    lane = Lane.ASSIGNMENT if kind is kinds.ASSIGNMENTS else Lane.CHILD
    return Write("delete", kind, {"metadata": meta}, lane, told.site.key, reason=reason)


def drain_writes(told: Planned, deadline_s: float) -> list[Write]:
    """Our finalizer on cameras whose deletion waits for the node to let go; after the deadline it comes off anyway."""
    writes = []
    for camera in told.view.cameras:
        wanted = _finalizers(told, camera, deadline_s)
        if wanted is not None:
            meta = {
                "name": camera.name,
                "namespace": camera.site.namespace,
                "uid": camera.uid,
                "resourceVersion": str(camera.version),
                "finalizers": wanted,
            }
            write = Write("merge", kinds.CAMERAS, {"metadata": meta}, Lane.ASSIGNMENT, told.site.key, reason="drain")
            writes.append(write)
    return writes


def _finalizers(told: Planned, camera: SeenCamera, deadline_s: float) -> list[str] | None:
    """The finalizers that `camera` shall have; None where they need not change."""
    has = DRAIN_FINALIZER in camera.finalizers
    if camera.deleting_since is None:
        if camera.drains == has:
            return None
        others = [one for one in camera.finalizers if one != DRAIN_FINALIZER]
        return [*others, DRAIN_FINALIZER] if camera.drains else others
    if not has:
        return None
    overdue = (told.now - camera.deleting_since).total_seconds() >= deadline_s
    if overdue or not _still_served(told, camera):
        return [one for one in camera.finalizers if one != DRAIN_FINALIZER]
    return None


def _still_served(told: Planned, camera: SeenCamera) -> bool:
    """Whether a node has it, or has not yet acknowledged that it let it go."""
    for known in told.known.values():
        if any(held.camera == camera.name and held.uid == camera.uid for held in known.held):
            return True
        node = told.nodes.get(known.seen.node)
        applied = node.report.applied_revision if node and node.report else 0
        for release in known.released:
            if release.camera == camera.name and release.uid == camera.uid and applied < release.revision:
                return True
    return False
