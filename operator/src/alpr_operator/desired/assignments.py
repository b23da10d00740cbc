"""EdgeAssignments: the whole truth for one node, and whether the one on the server says it already. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

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
    """All that one node shall do.

    Attributes:
        fenced: whether it must let go when it has not reached the API for long, because another node may take over.
        applied_revision: the newest that its agent has acknowledged.
    """

    node: str
    node_uid: str
    cameras: Sequence[Serving]
    released: Sequence[Released]
    models: Mapping[str, Any]
    fenced: bool = False
    applied_revision: int = 0


def _connect_order(serving: Serving) -> tuple[int, str]:
    """Agents connect in the order of the list: what matters most comes first."""
    return -serving.camera.priority, serving.camera.name


def content_of(work: NodeWork, site: SiteSpec) -> dict[str, Any]:
    """The spec of the node's EdgeAssignment, without its revision."""
    content: dict[str, Any] = {
        "schema": 1,
        "nodeName": work.node,
        "site": site.site_id,
        "models": dict(work.models),
        "cameras": [_camera(serving) for serving in sorted(work.cameras, key=_connect_order)],
        "released": [_released(told) for told in sorted(work.released, key=lambda told: (told.camera, told.epoch))],
        "reportRefresh": site.edge.report_refresh,
    }
    if work.node_uid:
        content["nodeUid"] = work.node_uid
    if work.fenced:
        content["fenceAfter"] = _before(site.assignment.failover.after)
    return content


def manifest_of(
    owner: Owner, content: Mapping[str, Any], seen: SeenAssignment | None, applied_revision: int = 0
) -> Object | None:
    """What to apply so that the server says `content`; None where it does already.

    The revision rises by one with each change. An object that exists is written on the condition that nobody wrote
    since we saw it: of two operators the one that is behind gets a Conflict.
    """
    hashed = digest(content)
    if seen is not None and seen.applied_hash == hashed and _says(seen, content):
        return None
    # One that was deleted by hand starts above what its agent has acknowledged, or new revisions would seem applied.
    revision = max(seen.revision if seen else 0, applied_revision) + 1
    manifest = child(kinds.ASSIGNMENTS, owner, str(content["nodeName"]), {"spec": {**content, "revision": revision}})
    manifest["metadata"]["annotations"] = {APPLIED_HASH: hashed}
    if seen is not None:
        manifest["metadata"]["resourceVersion"] = str(seen.version)
        manifest["metadata"]["uid"] = seen.uid
    return manifest


def _says(seen: SeenAssignment, content: Mapping[str, Any]) -> bool:
    spec = orjson.loads(seen.spec)
    listed = all(len(spec.get(key) or ()) == len(content[key]) for key in ("cameras", "released"))
    return listed and covers(spec, content)


def _before(after: str) -> str:
    """A node lets go a little before another may take over: nine tenths of the failover time."""
    early_s = max(1, seconds(after) * 9 // 10)
    return f"{early_s}s" if early_s < 10_000 else f"{early_s // 60}m"


def _camera(serving: Serving) -> dict[str, Any]:
    held = serving.held
    told: dict[str, Any] = {
        "name": serving.camera.name,
        "uid": serving.camera.uid,
        "generation": serving.camera.generation,
        "epoch": held.epoch,
        "config": orjson.loads(serving.camera.config),
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


@lru_cache(4096)  # a pass writes one moment many times, and formatting it was a thirtieth of all its work
def wire_time(when: datetime) -> str:
    """A moment as Kubernetes writes it: UTC, whole seconds."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
