"""What a person's wish means as a change of one object, and what speaks against it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alpr_operator.kube.errors import Refused
from alpr_operator.kube.fleet import (
    DRAIN_LABEL,
    PAUSED,
    ROLLBACK,
    Fleet,
    annotation,
    at,
    condition,
    draining,
    labels_of,
    name_of,
    namespace_of,
)
from alpr_operator.kube.kubectl import Object

Change = dict[str, Any]
_ARGO_ANNOTATION, _ARGO_LABEL = "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"
_FLUX_LABEL = "kustomize.toolkit.fluxcd.io/name"


def pin(node: str) -> Change:
    """Camera: serve it on `node` and nowhere else."""
    return {"spec": {"placement": {"nodeName": node, "nodeSelector": None}}}


def unpin() -> Change:
    """Camera: let the planner choose."""
    return {"spec": {"placement": {"nodeName": None}}}


def drain(*, undo: bool) -> Change:
    """Node: let cameras leave it; `undo` lets them come again."""
    return {"metadata": {"labels": {DRAIN_LABEL: None if undo else "true"}}}


def pause(*, resume: bool) -> Change:
    """AlprSite: the operator changes nothing; `resume` ends that."""
    return {"metadata": {"annotations": {PAUSED: None if resume else "true"}}}


def roll_back(site: Object) -> Change:
    """AlprSite: go back to the state before the one that is being rolled out, or was last. Raises Refused."""
    state = at(site, "status", "rollout") or {}
    wanted, before = state.get("toDigest"), state.get("fromDigest")
    if state.get("phase") == "RolledBack":
        raise Refused(f"{name_of(site)} has gone back already: {state.get('message') or 'see kubectl alpr status'}")
    if not wanted or not before or wanted == before:
        raise Refused(f"{name_of(site)} has no state before this one to go back to; change the spec instead")
    return {"metadata": {"annotations": {ROLLBACK: wanted}}}


def still_paused(site: Object) -> str:
    """Why a site stays paused after `resume`; empty where it does not."""
    if at(site, "spec", "paused") is True:
        return "spec.paused is true as well: set it to false where the AlprSite is kept"
    return ""


def kept_elsewhere(found: Object) -> str:
    """Who will undo a change of this object's spec; empty where nobody is known to."""
    if annotation(found, _ARGO_ANNOTATION) is not None:
        return "Argo CD keeps it: make the same change in Git, or it will be undone"
    if _FLUX_LABEL in labels_of(found):
        return "Flux keeps it: make the same change in Git, or it will be undone"
    return ""


def against_move(fleet: Fleet, camera: Object, node: str) -> list[str]:
    """What will keep the camera from being served on `node`; the change is made all the same."""
    site, found = fleet.site_of(camera), fleet.node(node)
    if found is None or site is None:
        return []
    reasons = []
    if found not in fleet.nodes_of(site):
        reasons.append(f"node {node} does not belong to site {name_of(site)}")
    if condition(found, "Ready").status != "True":
        reasons.append(f"node {node} is not ready")
    if draining(found):
        reasons.append(f"node {node} is being drained")
    return reasons


def drain_outlook(fleet: Fleet, node: str) -> list[str]:
    """What draining `node` will mean, site by site: how many cameras move, and whether the others have room."""
    lines = []
    for assignment in fleet.assignments:
        if name_of(assignment) != node:
            continue
        names = {one["name"] for one in at(assignment, "spec", "cameras") or ()}
        site = next((one for one in fleet.sites if _owns(one, assignment)), None)
        rate = at(site, "spec", "assignment", "maxMovesPerMinute") or 30
        lines.append(f"{len(names)} cameras of {namespace_of(assignment)} move, at most {rate} a minute")
        lines += _stay(fleet, namespace_of(assignment), node, names)
    return lines


def _owns(site: Object, assignment: Object) -> bool:
    label = labels_of(assignment).get("ovr-alpr.io/site")
    return namespace_of(site) == namespace_of(assignment) and label in (None, name_of(site))


def _stay(fleet: Fleet, namespace: str, node: str, names: set[str]) -> list[str]:
    cameras = [one for one in fleet.cameras if namespace_of(one) == namespace and name_of(one) in names]
    pinned = sorted(name_of(one) for one in cameras if at(one, "spec", "placement", "nodeName") == node)
    if not pinned:
        return []
    return [f"{', '.join(pinned)} {'is' if len(pinned) == 1 else 'are'} pinned there and will wait without a node"]


def left_on(assignments: Sequence[Object], reports: Sequence[Object], node: str) -> int:
    """How many cameras a node still serves, or has not yet acknowledged to have let go."""
    applied = {namespace_of(one): at(one, "status", "appliedRevision") or 0 for one in reports if name_of(one) == node}
    return sum(_left(one, applied) for one in assignments if name_of(one) == node)


def _left(assignment: Object, applied: Mapping[str, int]) -> int:
    spec = assignment.get("spec") or {}
    done = applied.get(namespace_of(assignment), 0)
    held = [one for one in spec.get("released") or () if done < one.get("revision", 0)]
    return len(spec.get("cameras") or ()) + len(held)
