"""EdgeAssignments: the whole truth for one node, and whether the one on the server says it already. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alpr_kubernetes import Object, kinds
from alpr_operator.desired.manifests import Owner, child, covers, digest
from alpr_operator.plan import Held, Released
from alpr_operator.store.objects import APPLIED_HASH, SeenAssignment, SeenCamera
from alpr_schemas.resources import SealedCredential, SiteSpec, seconds


@dataclass(frozen=True, slots=True)
class Serving:
    """A camera as a node shall serve it."""

    camera: SeenCamera
    held: Held
    sealed: SealedCredential | None = None


@dataclass(frozen=True, slots=True)
class NodeWork:
    """All that one node shall do."""

    node: str
    node_uid: str
    cameras: Sequence[Serving]
    released: Sequence[Released]
    models: Mapping[str, Any]


def content_of(work: NodeWork, site: SiteSpec) -> dict[str, Any]:
    """The spec of the node's EdgeAssignment, without its revision."""
    content: dict[str, Any] = {
        "schema": 1,
        "nodeName": work.node,
        "site": site.site_id,
        "models": dict(work.models),
        "cameras": [_camera(serving) for serving in sorted(work.cameras, key=lambda serving: serving.camera.name)],
        "released": [_released(told) for told in sorted(work.released, key=lambda told: (told.camera, told.epoch))],
        "reportRefresh": site.edge.report_refresh,
    }
    if work.node_uid:
        content["nodeUid"] = work.node_uid
    if site.assignment.failover.enabled:
        content["fenceAfter"] = _before(site.assignment.failover.after)
    return content


def manifest_of(owner: Owner, content: Mapping[str, Any], seen: SeenAssignment | None) -> Object | None:
    """What to apply so that the server says `content`; None where it does already.

    The revision rises by one with each change. An object that exists is written on the condition that nobody wrote
    since we saw it: of two operators the one that is behind gets a Conflict.
    """
    hashed = digest(content)
    if seen is not None and seen.applied_hash == hashed and _says(seen, content):
        return None
    revision = seen.revision + 1 if seen else 1
    manifest = child(kinds.ASSIGNMENTS, owner, str(content["nodeName"]), {"spec": {**content, "revision": revision}})
    manifest["metadata"]["annotations"] = {APPLIED_HASH: hashed}
    if seen is not None:
        manifest["metadata"]["resourceVersion"] = str(seen.version)
        manifest["metadata"]["uid"] = seen.uid
    return manifest


def _says(seen: SeenAssignment, content: Mapping[str, Any]) -> bool:
    return covers(json.loads(seen.spec), content)


def _before(after: str) -> str:
    """A node lets go a little before another may take over: nine tenths of the failover time."""
    return f"{max(1, seconds(after) * 9 // 10)}s" if seconds(after) < 9999 else after


def _camera(serving: Serving) -> dict[str, Any]:
    held = serving.held
    told: dict[str, Any] = {
        "name": serving.camera.name,
        "uid": serving.camera.uid,
        "generation": serving.camera.generation,
        "epoch": held.epoch,
        "config": json.loads(serving.camera.config),
    }
    if held.since is not None:
        told["since"] = wire_time(held.since)
    if serving.sealed is not None:
        told["sealedCredential"] = serving.sealed.wire()
    return told


def _released(told: Released) -> dict[str, Any]:
    entry = {
        "name": told.camera,
        "uid": told.uid,
        "epoch": told.epoch,
        "since": wire_time(told.since),
        "revision": told.revision,
    }
    return {**entry, "to": told.to} if told.to else entry


def wire_time(when: datetime) -> str:
    """A moment as Kubernetes writes it: UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
