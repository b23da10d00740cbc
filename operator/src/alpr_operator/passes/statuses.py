"""Statuses of a site and its cameras from what was planned, and the Events that their turns are worth. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from alpr_kubernetes import Kind, Object, kinds
from alpr_operator.credentials import Secret
from alpr_operator.desired import Owner
from alpr_operator.passes.planned import Planned
from alpr_operator.passes.writes import SecretsRead
from alpr_operator.status.camera import CameraFacts, Cause, Credential, camera_status, reported_cameras
from alpr_operator.status.conditions import differs, on_the_wire, seen_condition
from alpr_operator.store import Pair, SeenCamera, SiteKey, SiteView
from alpr_operator.writes import Lane, Write

_NOT_READ = Credential("Unknown", "NotRead", "the Secret has not been read yet")


def camera_facts_of(told: Planned, secrets: SecretsRead) -> list[CameraFacts]:
    """What each camera's status is made from."""
    reports = {name: reported_cameras(node.report.status) for name, node in told.nodes.items() if node.report}
    twins = _same_sources(told.view.cameras)
    return [_facts(told, camera, reports, twins, secrets) for camera in told.view.cameras]


def _facts(
    told: Planned,
    camera: SeenCamera,
    reports: Mapping[str, Mapping[str, tuple[str, str]]],
    twins: Mapping[str, tuple[str, ...]],
    secrets: SecretsRead,
) -> CameraFacts:
    held = told.plan.placed.get(camera.name)
    node = told.nodes.get(held.node) if held else None
    reason = told.plan.unplaced.get(camera.name)
    unplaced = Cause(reason.code, reason.message) if reason else None
    if camera.problem:
        unplaced = Cause("Invalid", camera.problem)
    return CameraFacts(
        camera=camera,
        held=held,
        unplaced=unplaced,
        left_lost=_lost(told, orjson.loads(camera.status).get("nodeName")),
        node_ready=bool(node and node.seen.ready),
        reported=reports.get(held.node, {}).get(camera.name) if held else None,
        has_report=bool(node and node.report),
        credential=_credential(told, camera, secrets),
        same_source=twins.get(camera.name, ()),
    )


def _lost(told: Planned, node: str | None) -> bool:
    there = told.nodes.get(node) if node else None
    return node is not None and (there is None or not there.seen.ready)


def _credential(told: Planned, camera: SeenCamera, secrets: SecretsRead) -> Credential | None:
    if camera.secret is None:
        return None
    secret: Secret | None = secrets.get(Pair(told.site.key.namespace, camera.secret))
    return secret.told if secret else _NOT_READ


def _same_sources(cameras: Iterable[SeenCamera]) -> dict[str, tuple[str, ...]]:
    by_url = defaultdict(list)
    for camera in cameras:
        if camera.url and camera.enabled:
            by_url[camera.url].append(camera.name)
    return {
        name: tuple(other for other in names if other != name)
        for names in by_url.values()
        if len(names) > 1
        for name in names
    }


def camera_writes(
    site: SiteKey, statuses: Iterable[tuple[SeenCamera, Mapping[str, Any]]], now: datetime
) -> list[Write]:
    """Statuses that differ from what the server says, and an Event where one has turned bad."""
    writes = []
    for camera, status in statuses:
        if differs(status, camera.status):
            writes.append(status_write(kinds.CAMERAS, site, camera.name, camera.uid, status))
            writes += _turned(site, camera, status, now)
    return writes


def orphan_writes(view: SiteView, now: datetime) -> list[Write]:
    """Cameras whose AlprSite is not there say so."""
    message = f"there is no AlprSite {view.key.name!r} in namespace {view.key.namespace}: create it, or correct "
    reason = Cause("SiteMissing", message + "spec.siteRef.name")
    told = ((camera, camera_status(CameraFacts(camera, None, reason), now)) for camera in view.cameras)
    return camera_writes(view.key, told, now)


def status_write(kind: Kind, site: SiteKey, name: str, uid: str, status: Mapping[str, Any]) -> Write:
    """The status of one object, by server-side apply: conditions of others stay."""
    manifest: Object = {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": name, "namespace": site.namespace, "uid": uid},
        "status": on_the_wire(status),
    }
    return Write("apply", kind, manifest, Lane.STATUS, site, subresource="status", reason="status")


_WORTH_AN_EVENT = ("Assigned", "CredentialsValid")


def _turned(site: SiteKey, camera: SeenCamera, status: Mapping[str, Any], now: datetime) -> list[Write]:
    """Events for conditions that have turned False; a camera's first assignment is worth none."""
    writes, seen = [], orjson.loads(camera.status)
    for told in status["conditions"]:
        before = seen_condition(seen, told["type"])
        if told["type"] in _WORTH_AN_EVENT and told["status"] == "False" and before.get("status") != "False":
            if told["reason"] in ("Disabled", "Releasing", "Waiting"):
                continue
            about = {"kind": "Camera", "name": camera.name, "uid": camera.uid}
            writes.append(event_write(site, about, "Warning", told["reason"], told["message"], now))
    return writes


def move_events(told: Planned) -> list[Write]:
    """One Event for each batch of cameras that leave a node for one reason."""
    batches: dict[tuple[str, str], list[str]] = defaultdict(list)
    for move in told.plan.moves:
        batches[move.why, move.source].append(move.camera)
    writes = []
    for (why, source), cameras in sorted(batches.items()):
        names = ", ".join(sorted(cameras)[:5]) + (" …" if len(cameras) > 5 else "")
        message = f"{len(cameras)} cameras leave {source} ({why}): {names}"
        writes.append(site_event(told.owner, "Normal", "CamerasMoved", message, told.now))
    return writes


def site_event(owner: Owner, kind: str, reason: str, message: str, now: datetime) -> Write:
    """An Event about the AlprSite."""
    about = {"kind": "AlprSite", "name": owner.key.name, "uid": owner.uid}
    return event_write(owner.key, about, kind, reason, message, now)


def event_write(site: SiteKey, about: Mapping[str, str], kind: str, reason: str, message: str, now: datetime) -> Write:
    """An Event whose name follows from what it says and the minute: said twice, it is one."""
    told = f"{about['uid']}{reason}{message}{now.astimezone(UTC):%Y%m%d%H%M}"
    name = f"{about['name'][:200]}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    manifest: Object = {
        "apiVersion": kinds.EVENTS.api_version,
        "kind": "Event",
        "metadata": {"name": name, "namespace": site.namespace},
        "eventTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": "ovr-alpr.io/operator",
        "reportingInstance": "alpr-operator",
        "action": "Reconcile",
        "type": kind,
        "reason": reason,
        "note": message[:1000],
        "regarding": {"apiVersion": "ovr-alpr.io/v1alpha1", "namespace": site.namespace, **about},
    }
    return Write("create", kinds.EVENTS, manifest, Lane.EVENT, site, reason=reason)


def models_reported(status: bytes) -> dict[str, Any]:
    """The models that a report says its node runs."""
    return dict(orjson.loads(status).get("appliedModels") or {})
