"""What an AlprSite's status says: how many, how well, and what a person should do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from alpr_operator.status.conditions import Told, conditions
from alpr_operator.store.objects import SeenSite

_NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node in the site's eyes.

    Attributes:
        offline_s: how long it has not been ready; None where it is.
        behind: whether its agent has not applied its assignment's revision for too long.
    """

    name: str
    ready: bool
    units: int
    used: int
    offline_s: float | None = None
    has_report: bool = False
    caught_up: bool = True
    behind: bool = False


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """All that a site's status is made from.

    Attributes:
        stalled: (reason, message) where nothing goes on before a person acts.
        pending: what is being worked on, in words; empty where nothing is.
        lacking_units: what the cameras without a place for want of capacity would need.
        rollout: status.rollout on the wire; None keeps it away.
        rolling: the RolloutProgressing condition.
    """

    site: SeenSite
    nodes: Sequence[NodeState]
    cameras: int
    assigned: int
    streaming: int
    unplaced: int
    lacking_units: int
    revision: int
    tolerance_s: float
    stalled: tuple[str, str] | None = None
    pending: str = ""
    rollout: Mapping[str, Any] | None = None
    rolling: Told | None = None


def site_status(facts: SiteFacts, now: datetime) -> dict[str, Any]:
    """The whole status; None stands for a field that shall not be there."""
    capacity, agents = _capacity(facts), _agents(facts)
    told = [
        _ready(facts, capacity, agents),
        _reconciling(facts),
        Told("Stalled", "True", *facts.stalled) if facts.stalled else Told("Stalled", "False", "NotStalled"),
        capacity,
        agents,
        facts.rolling or Told("RolloutProgressing", "False", "Idle"),
    ]
    ready = [node for node in facts.nodes if node.ready]
    return {
        "observedGeneration": facts.site.generation,
        "nodes": {"desired": len(facts.nodes), "ready": len(ready), "offline": len(facts.nodes) - len(ready)},
        "cameras": {
            "total": facts.cameras,
            "assigned": facts.assigned,
            "streaming": facts.streaming,
            "unassigned": facts.unplaced,
        },
        "units": {"total": sum(node.units for node in facts.nodes), "used": sum(node.used for node in facts.nodes)},
        "rollout": facts.rollout,
        "assignmentRevision": facts.revision,
        "conditions": conditions(told, orjson.loads(facts.site.status), now),
    }


def _ready(facts: SiteFacts, capacity: Told, agents: Told) -> Told:
    if facts.site.paused:
        return Told("Ready", "Unknown", "Paused", "nothing is changed while the site is paused")
    if facts.stalled:
        return Told("Ready", "False", *facts.stalled)
    if not facts.nodes:
        return Told("Ready", "False", "NoNodes", _no_nodes(facts.site))
    for one in (capacity, agents):
        if one.status == "False":
            return Told("Ready", "False", one.reason, one.message)
    if facts.pending:
        return Told("Ready", "False", "Reconciling", facts.pending)
    return Told("Ready", "True", "Ready", agents.message)


def _no_nodes(site: SeenSite) -> str:
    chosen = dict(site.spec.edge.node_selector) if site.spec and site.spec.edge.node_selector else None
    labels = " ".join(f"{key}={value}" for key, value in (chosen or {"ovr-alpr.io/site": site.key.name}).items())
    return f"no node belongs to the site: kubectl label node NODE {labels} ovr-alpr.io/node-class=CLASS"


def _reconciling(facts: SiteFacts) -> Told:
    if facts.pending and not facts.site.paused:
        return Told("Reconciling", "True", "Working", facts.pending)
    return Told("Reconciling", "False", "Paused" if facts.site.paused else "UpToDate")


def _capacity(facts: SiteFacts) -> Told:
    total, used = sum(node.units for node in facts.nodes), sum(node.used for node in facts.nodes)
    if facts.lacking_units:
        message = f"cameras without a place need {facts.lacking_units} units; {total - used} of {total} are free"
        return Told("CapacitySufficient", "False", "InsufficientCapacity", message)
    return Told("CapacitySufficient", "True", "Sufficient")


def _agents(facts: SiteFacts) -> Told:
    away = [node for node in facts.nodes if (node.offline_s or 0) > facts.tolerance_s]
    if away:
        message = f"{len(away)} of {len(facts.nodes)} nodes are offline: {_names(away)}"
        return Told("AgentsAvailable", "False", "NodesOffline", message)
    stale = [node for node in facts.nodes if node.behind and node.ready]
    if stale:
        message = f"{len(stale)} agents have not applied their assignment: {_names(stale)}; see their pods' logs"
        return Told("AgentsAvailable", "False", "Stale", message)
    off = [node for node in facts.nodes if not node.ready]
    if off:
        return Told("AgentsAvailable", "True", "WithinTolerance", f"{len(off)} of {len(facts.nodes)} nodes are offline")
    return Told("AgentsAvailable", "True", "Available")


def _names(nodes: Sequence[NodeState]) -> str:
    named = ", ".join(node.name for node in nodes[:_NAMED_AT_MOST])
    return named + (f" and {len(nodes) - _NAMED_AT_MOST} more" if len(nodes) > _NAMED_AT_MOST else "")
