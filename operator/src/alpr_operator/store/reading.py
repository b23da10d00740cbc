"""From raw objects to what the store keeps of them: pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from alpr_kubernetes import Kind, Object
from alpr_operator.plan import cost_units
from alpr_operator.store.objects import (
    APPLIED_HASH,
    DRAIN_LABEL,
    PAUSED,
    PREFIX,
    QUARANTINE,
    SITE_LABEL,
    SeenAssignment,
    SeenCamera,
    SeenChild,
    SeenNode,
    SeenReport,
    SeenSite,
    SiteKey,
    canonical,
)
from alpr_schemas.resources import CameraSpec, SiteSpec

_CONFIG_FIELDS = ("displayName", "enabled", "source", "stream", "analytics")
_BOOKKEEPING = ("managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink")


def version_of(raw: Object) -> int:
    """The resourceVersion as a number; Kubernetes orders them so."""
    return int(raw["metadata"].get("resourceVersion") or 0)


def moment(text: str | None) -> datetime | None:
    """A time of the API, aware UTC."""
    return datetime.fromisoformat(text) if text else None


def seen_site(raw: Object) -> SeenSite:
    """An AlprSite."""
    meta = raw["metadata"]
    spec, problem = None, None
    try:
        spec = SiteSpec.model_validate(raw.get("spec") or {})
    except ValidationError as e:
        problem = _told(e)
    marks = {key: value for key, value in (meta.get("annotations") or {}).items() if key.startswith(PREFIX)}
    return SeenSite(
        key=SiteKey(meta["namespace"], meta["name"]),
        uid=meta["uid"],
        version=version_of(raw),
        generation=meta.get("generation", 1),
        spec=spec,
        problem=problem,
        paused=marks.get(PAUSED) == "true" or bool(spec and spec.paused),
        deleting="deletionTimestamp" in meta,
        marks=marks,
        status=canonical(raw.get("status") or {}),
    )


def seen_camera(raw: Object) -> SeenCamera:
    """A Camera; one that cannot be read keeps what can be known of it, and its problem."""
    meta, spec = raw["metadata"], raw.get("spec") or {}
    problem, read = None, None
    try:
        read = CameraSpec.model_validate(spec)
    except ValidationError as e:
        problem = _told(e)
    quarantined = (meta.get("annotations") or {}).get(QUARANTINE) == "true"
    placement = read.placement if read else None
    secret = read.source.credentials_secret_ref if read else None
    return SeenCamera(
        site=SiteKey(meta["namespace"], str((spec.get("siteRef") or {}).get("name", ""))),
        name=meta["name"],
        uid=meta["uid"],
        version=version_of(raw),
        generation=meta.get("generation", 1),
        problem=problem,
        enabled=bool(read and read.enabled) and not quarantined,
        priority=read.priority if read else 0,
        cost=_cost(read) if read else 1,
        pinned=placement.node_name if placement else None,
        selector=tuple(sorted((placement.node_selector or {}).items())) if placement else (),
        url=read.source.url if read else "",
        secret=secret.name if secret else None,
        config=canonical({key: spec[key] for key in _CONFIG_FIELDS if key in spec}),
        drains=bool(read and read.deletion_policy == "Drain"),
        deleting_since=moment(meta.get("deletionTimestamp")),
        finalizers=tuple(meta.get("finalizers") or ()),
        status=canonical(raw.get("status") or {}),
    )


def _cost(spec: CameraSpec) -> int:
    stream = spec.stream
    return spec.cost_units or cost_units(stream.width, stream.height, stream.fps, stream.codec)


def seen_node(raw: Object) -> SeenNode:
    """A Node."""
    meta = raw["metadata"]
    labels = meta.get("labels") or {}
    ready = _condition(raw, "Ready")
    return SeenNode(
        name=meta["name"],
        uid=meta["uid"],
        version=version_of(raw),
        labels=dict(labels),
        ready=ready.get("status") == "True" and "deletionTimestamp" not in meta,
        since=moment(ready.get("lastTransitionTime")),
        draining=labels.get(DRAIN_LABEL) == "true",  # a cordon alone may be an upgrade of minutes
    )


def seen_assignment(raw: Object) -> SeenAssignment:
    """An EdgeAssignment."""
    meta, spec = raw["metadata"], raw.get("spec") or {}
    return SeenAssignment(
        site=SiteKey(meta["namespace"], _site_name(meta)),
        node=meta["name"],
        uid=meta["uid"],
        version=version_of(raw),
        revision=int(spec.get("revision") or 0),
        spec=canonical(spec),
        applied_hash=(meta.get("annotations") or {}).get(APPLIED_HASH),
    )


def seen_report(raw: Object) -> SeenReport:
    """An EdgeReport; moments are left out, so that a mere refresh changes nothing."""
    meta, status = raw["metadata"], raw.get("status") or {}
    facts = dict(status)
    facts["cameras"] = [{k: v for k, v in camera.items() if k != "since"} for camera in status.get("cameras") or ()]
    facts["conditions"] = [
        {k: v for k, v in told.items() if k != "lastTransitionTime"} for told in status.get("conditions") or ()
    ]
    return SeenReport(
        namespace=meta["namespace"],
        node=meta["name"],
        version=version_of(raw),
        applied_revision=int(status.get("appliedRevision") or 0),
        node_uid=status.get("nodeUid"),
        sealing_key=status.get("sealingKey"),
        status=canonical(facts),
        told=bool(status),
    )


def seen_child(kind: Kind, raw: Object) -> SeenChild:
    """A child of a site."""
    meta = raw["metadata"]
    kept = {key: value for key, value in raw.items() if key not in ("metadata", "status", "apiVersion", "kind")}
    kept["metadata"] = {key: value for key, value in meta.items() if key not in _BOOKKEEPING}
    status = raw.get("status") or {}
    pods = None
    if kind.name == "DaemonSet":
        fields = ("currentNumberScheduled", "numberReady", "updatedNumberScheduled")
        current, ready, updated = (int(status.get(field) or 0) for field in fields)
        if status.get("observedGeneration") != meta.get("generation"):
            updated = -1  # the controller has not looked at this template yet
        pods = (current, ready, updated)
    return SeenChild(
        kind=kind,
        site=SiteKey(meta["namespace"], _site_name(meta)),
        name=meta["name"],
        uid=meta["uid"],
        version=version_of(raw),
        applied_hash=(meta.get("annotations") or {}).get(APPLIED_HASH),
        manifest=kept,
        pods=pods,
    )


def _site_name(meta: dict[str, Any]) -> str:
    return str((meta.get("labels") or {}).get(SITE_LABEL, ""))


def _condition(raw: Object, kind: str) -> dict[str, Any]:
    for told in (raw.get("status") or {}).get("conditions") or ():
        if told.get("type") == kind:
            return dict(told)
    return {}


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"spec.{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
