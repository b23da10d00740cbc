"""One pass: the whole truth of one site each time, never the change since last time. Pure; the engine does the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from alpr_kubernetes import kinds
from alpr_operator.desired import overlapping
from alpr_operator.passes.planned import Planned, planned
from alpr_operator.passes.statuses import (
    camera_facts_of,
    camera_writes,
    move_events,
    orphan_writes,
    site_event,
    status_write,
)
from alpr_operator.passes.waves import SeenPod, Wave, wave_of
from alpr_operator.passes.writes import (
    SecretsRead,
    assignment_writes,
    child_writes,
    desired_children,
    drain_writes,
)
from alpr_operator.settings import Settings
from alpr_operator.status.camera import CameraFacts, camera_status
from alpr_operator.status.conditions import differs
from alpr_operator.status.site import NodeState, SiteFacts, site_status
from alpr_operator.store import REBALANCE, SeenSite, SiteView
from alpr_operator.writes import Lane, Write
from alpr_schemas.resources import seconds

_LOOK_AGAIN_S = 1.0
_NO_ACCESS = "run: kubectl alpr site init {site} -n {namespace} --access-only --apply   (the server says: {error})"


@dataclass
class SiteMemory:
    """What is remembered of a site between passes; all of it may be lost at any time.

    Attributes:
        behind: for each node the revision that its agent has not applied, and since when.
        denied: what the server said when it denied us a write, and when.
        refused: the same for a write that it did not take.
    """

    behind: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    denied: tuple[str, datetime] | None = None
    refused: tuple[str, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What a pass needs beside the site itself."""

    settings: Settings
    secrets: SecretsRead
    pods: Mapping[str, SeenPod] | None
    memory: SiteMemory
    now: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to write, and when time alone makes the site worth another look."""

    writes: list[Write]
    next_after_s: float | None = None
    pods_wanted: bool = False
    sites_cameras: tuple[int, int] = (0, 0)


def site_pass(view: SiteView, around: Around) -> Outcome:
    """What `view` needs, now."""
    site = view.site
    if site is None:
        return Outcome(orphan_writes(view, around.now))
    if site.deleting:
        return Outcome([])
    if site.spec is None or view.claimed_by is not None:
        told = ("Invalid", site.problem or "") if site.spec is None else _taken(view)
        return Outcome(_only_status(view, site, around, told))
    if site.paused:
        return Outcome(_only_status(view, site, around, None))
    return _worked(planned(view, site, site.spec, around.settings.images, around.now), around)


def _taken(view: SiteView) -> tuple[str, str]:
    other = view.claimed_by.namespace if view.claimed_by else ""
    told = f"AlprSite {view.key.name} of namespace {other} has the nodes labelled ovr-alpr.io/site={view.key.name}; "
    return "SiteNameTaken", told + "give this one another name, or its own spec.edge.nodeSelector"


def _only_status(view: SiteView, site: SeenSite, around: Around, stalled: tuple[str, str] | None) -> list[Write]:
    before = orjson.loads(site.status)
    counted = before.get("cameras") or {}
    facts = SiteFacts(
        site=site,
        nodes=(),
        cameras=len(view.cameras),
        assigned=counted.get("assigned", 0),
        streaming=counted.get("streaming", 0),
        unplaced=counted.get("unassigned", 0),
        lacking_units=0,
        revision=before.get("assignmentRevision", 0),
        tolerance_s=0,
        stalled=stalled,
        rollout=before.get("rollout"),
    )
    status = {**site_status(facts, around.now), "nodes": before.get("nodes"), "units": before.get("units")}
    if not differs(status, site.status):
        return []
    return [status_write(kinds.SITES, site.key, site.key.name, site.uid, status)]


def _worked(told: Planned, around: Around) -> Outcome:
    wave = wave_of(told, around.pods)
    assignments = assignment_writes(told, around.secrets, wave.models)
    children = child_writes(told, desired_children(told, wave.daemon_sets.values()))
    facts = camera_facts_of(told, around.secrets)
    statuses = [(one.camera, camera_status(one, around.now)) for one in facts]
    streaming = sum(_is_true(status, "Streaming") for _, status in statuses)
    site_facts, wait_s = _site_facts(told, around, wave, facts, assignments, streaming)
    own = _site_writes(told, site_status(site_facts, around.now))
    cameras = camera_writes(told.site.key, statuses, around.now)
    writes = [
        *assignments,
        *drain_writes(told, around.settings.drain_deadline_s),
        *wave.deletions,
        *children,
        *([*own, *cameras] if _rollout_turns(told, wave) else [*cameras, *own]),
        *_events(told, children, wave),
        *_rebalanced(told),
    ]
    waits = [wait_s, *_waits(told, wave)]
    if any(camera.deleting_since for camera in told.view.cameras):
        waits.append(around.settings.drain_deadline_s / 10)
    known = [wait for wait in waits if wait is not None]
    return Outcome(writes, min(known) if known else None, wave.pods_wanted, (site_facts.cameras, site_facts.assigned))


def _site_writes(told: Planned, status: Mapping[str, Any]) -> list[Write]:
    if not differs(status, told.site.status):
        return []
    return [status_write(kinds.SITES, told.site.key, told.site.key.name, told.site.uid, status)]


def _rollout_turns(told: Planned, wave: Wave) -> bool:
    """Whether the site's status must go first: while a new phase is not on the server, every pass asks for the pods."""
    before = orjson.loads(told.site.status).get("rollout") or {}
    return (wave.status or {}).get("phase") != before.get("phase")


def _waits(told: Planned, wave: Wave) -> list[float]:
    moments = [moment for moment in (told.plan.next_at, wave.next_at) if moment is not None]
    return [max(_LOOK_AGAIN_S / 10, (moment - told.now).total_seconds()) for moment in moments]


def _events(told: Planned, children: list[Write], wave: Wave) -> list[Write]:
    drifted = [write for write in children if write.reason == "drift"]
    events = move_events(told)
    for write in drifted:
        what = f"{write.kind.name} {write.manifest['metadata']['name']} was changed by hand and put right"
        events.append(site_event(told.owner, "Normal", "DriftCorrected", what, told.now))
    return [*events, *(site_event(told.owner, *event, told.now) for event in wave.events)]


def _rebalanced(told: Planned) -> list[Write]:
    """Once no move is left to make, the mark that asked for a new placement is taken off."""
    if not told.rebalancing or not told.plan.settled:
        return []
    meta = {"name": told.site.key.name, "namespace": told.site.key.namespace, "annotations": {REBALANCE: None}}
    return [Write("merge", kinds.SITES, {"metadata": meta}, Lane.CHILD, told.site.key, reason="rebalanced")]


def _site_facts(
    told: Planned,
    around: Around,
    wave: Wave,
    cameras: list[CameraFacts],
    assignments: list[Write],
    streaming: int,
) -> tuple[SiteFacts, float | None]:
    behind = _behind(told, around)
    nodes = _node_states(told, around, behind)
    lacking = [one for one in cameras if one.unplaced and one.unplaced.code == "InsufficientCapacity"]
    facts = SiteFacts(
        site=told.site,
        nodes=nodes,
        cameras=len(cameras),
        assigned=len(told.plan.placed),
        streaming=streaming,
        unplaced=sum(one.held is None and one.camera.enabled for one in cameras),
        lacking_units=sum(one.camera.cost for one in lacking),
        revision=sum(known.seen.revision for known in told.known.values()),
        tolerance_s=seconds(told.spec.edge.offline_tolerance),
        stalled=_stalled(told, around, wave),
        pending=_pending(told, assignments, behind),
        rollout=wave.status,
        rolling=wave.condition,
    )
    waits = [around.settings.report_stale_s] if behind else []
    away = [node.offline_s for node in nodes if node.offline_s is not None]
    waits += [facts.tolerance_s - offline_s + 1 for offline_s in away if offline_s < facts.tolerance_s]
    return facts, min(waits) if waits else None


def _is_true(status: Mapping[str, Any], kind: str) -> bool:
    return any(one["type"] == kind and one["status"] == "True" for one in status["conditions"])


def _behind(told: Planned, around: Around) -> dict[str, datetime]:
    """Nodes whose agent has not applied its revision, and since when we know."""
    behind: dict[str, tuple[int, datetime]] = {}
    for name, node in told.nodes.items():
        known = told.known.get(name)
        applied = node.report.applied_revision if node.report else 0
        if known and node.seen.ready and applied < known.seen.revision:
            seen = around.memory.behind.get(name)
            revision = known.seen.revision
            behind[name] = seen if seen and seen[0] == revision else (revision, around.now)
    around.memory.behind = behind
    return {name: since for name, (_, since) in behind.items()}


def _node_states(told: Planned, around: Around, behind: Mapping[str, datetime]) -> list[NodeState]:
    costs = {camera.name: camera.cost for camera in told.view.cameras}
    used: dict[str, int] = dict.fromkeys(told.nodes, 0)
    for held in told.plan.placed.values():
        if held.node in used:
            used[held.node] += costs[held.camera]
    states = []
    for name, node in sorted(told.nodes.items()):
        offline = None if node.seen.ready else (around.now - (node.seen.since or around.now)).total_seconds()
        since = behind.get(name)
        late = since is not None and (around.now - since).total_seconds() >= around.settings.report_stale_s
        states.append(
            NodeState(
                name=name,
                ready=node.seen.ready,
                units=node.units,
                used=used[name],
                offline_s=offline,
                has_report=node.report is not None,
                caught_up=since is None,
                behind=late,
            )
        )
    return states


def _stalled(told: Planned, around: Around, wave: Wave) -> tuple[str, str] | None:
    if around.memory.denied is not None:
        key = told.site.key
        error = around.memory.denied[0]
        return "NoAccess", _NO_ACCESS.format(site=key.name, namespace=key.namespace, error=error)
    if around.memory.refused is not None:
        return "Refused", f"the API server does not take what this site needs: {around.memory.refused[0]}"
    for node in told.view.nodes:
        names = overlapping(node.labels, told.classes)
        if len(names) > 1:
            return "NodeClassesOverlap", f"node {node.name} fits {' and '.join(names)}; make their selectors exclusive"
    return wave.stalled


def _pending(told: Planned, assignments: list[Write], behind: Mapping[str, datetime]) -> str:
    if assignments:
        return "assignments are being written"
    if told.plan.released:
        return "cameras wait for their old node to let go"
    if behind:
        return "agents have yet to apply their assignments"
    return ""
