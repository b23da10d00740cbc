"""From the view of a site to what the planner wants to know. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from alpr_operator.desired import EdgeClass, class_of
from alpr_operator.plan import CameraFacts, Held, NodeFacts, Policy, Released
from alpr_operator.store import SeenAssignment, SeenCamera, SeenNode, SeenReport, SiteView
from alpr_operator.store.reading import moment
from alpr_schemas.resources import SealedCredential, SiteSpec, seconds


@dataclass(frozen=True, slots=True)
class KnownAssignment:
    """An EdgeAssignment's spec, read."""

    seen: SeenAssignment
    node_uid: str
    held: tuple[Held, ...]
    released: tuple[Released, ...]
    sealed: Mapping[str, SealedCredential]
    models: Mapping[str, Any]


def known_assignment(seen: SeenAssignment) -> KnownAssignment:
    """Read what `seen` says."""
    spec = orjson.loads(seen.spec)
    node_uid = spec.get("nodeUid") or ""
    cameras = spec.get("cameras") or ()
    return KnownAssignment(
        seen=seen,
        node_uid=node_uid,
        held=tuple(
            Held(one["name"], one.get("uid", ""), seen.node, node_uid, one["epoch"], moment(one.get("since")))
            for one in cameras
        ),
        released=tuple(_released(seen.node, one) for one in spec.get("released") or ()),
        sealed={
            one["name"]: SealedCredential.model_validate(one["sealedCredential"])
            for one in cameras
            if "sealedCredential" in one
        },
        models=spec.get("models") or {},
    )


def _released(node: str, one: Mapping[str, Any]) -> Released:
    since = datetime.fromisoformat(one["since"])
    return Released(one["name"], one.get("uid", ""), node, one["epoch"], one.get("to"), since, one["revision"])


def camera_facts(camera: SeenCamera) -> CameraFacts:
    """A camera as the planner sees it; one that goes, or cannot be read, is served nowhere."""
    told = orjson.loads(camera.status)
    return CameraFacts(
        name=camera.name,
        uid=camera.uid,
        cost=camera.cost,
        priority=camera.priority,
        pinned=camera.pinned,
        selector=camera.selector,
        enabled=camera.enabled and camera.problem is None and camera.deleting_since is None,
        epoch=int(told.get("epoch") or 0),
        last_node=told.get("nodeName"),
    )


@dataclass(frozen=True, slots=True)
class SiteNode:
    """A node of the site with its class and the report that can be trusted."""

    seen: SeenNode
    told: EdgeClass
    report: SeenReport | None
    units: int


def site_nodes(view: SiteView, classes: tuple[EdgeClass, ...]) -> dict[str, SiteNode]:
    """The site's nodes that have a class."""
    nodes = {}
    for seen in view.nodes:
        told = class_of(seen.labels, classes)
        if told is not None:
            report = trusted_report(view, seen)
            nodes[seen.name] = SiteNode(seen, told, report, _units(told, report))
    return nodes


def trusted_report(view: SiteView, node: SeenNode) -> SeenReport | None:
    """The node's report, unless it speaks of another machine that had this name."""
    report = view.reports.get(node.name)
    if report is None or not report.told or (report.node_uid and report.node_uid != node.uid):
        return None
    return report


def _units(told: EdgeClass, report: SeenReport | None) -> int:
    if told.measured and report is not None:
        capacity = orjson.loads(report.status).get("capacity") or {}
        if capacity.get("source") == "bench":  # before that the agent only guesses, and the class knows better
            return int(capacity["units"])
    return told.units


def node_facts(node: SiteNode) -> NodeFacts:
    """A node as the planner sees it."""
    return NodeFacts(
        name=node.seen.name,
        uid=node.seen.uid,
        units=node.units,
        labels=node.seen.labels,
        ready=node.seen.ready,
        offline_since=None if node.seen.ready else node.seen.since,
        draining=node.seen.draining,
        applied_revision=node.report.applied_revision if node.report else 0,
    )


def gone_node(name: str, uid: str) -> NodeFacts:
    """A node that holds cameras and is there no more, or no more of this site."""
    return NodeFacts(name=name, uid=uid, units=0, labels={}, ready=False, offline_since=None, exists=False)


def policy_of(spec: SiteSpec, *, rebalance: bool) -> Policy:
    """The site's rules for the planner."""
    told = spec.assignment
    return Policy(
        spread=told.policy == "Spread",
        sticky=told.stickiness,
        reserve_percent=told.reserve_percent,
        max_moves_per_minute=told.max_moves_per_minute,
        failover_enabled=told.failover.enabled,
        failover_after=timedelta(seconds=seconds(told.failover.after)),
        rebalance=rebalance,
    )
