"""A site thought through: who is there, who shall serve what, and which state each node shall run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from alpr_operator.desired import EdgeClass, Owner, node_classes
from alpr_operator.passes.inputs import (
    KnownAssignment,
    SiteNode,
    camera_facts,
    gone_node,
    known_assignment,
    node_facts,
    policy_of,
    site_nodes,
)
from alpr_operator.plan import Plan, plan
from alpr_operator.settings import Images
from alpr_operator.store import REBALANCE, SeenSite, SiteView
from alpr_schemas.resources import SiteSpec


@dataclass(frozen=True, slots=True)
class Planned:
    """The outcome of thinking; what to write follows from it."""

    view: SiteView
    site: SeenSite
    spec: SiteSpec
    owner: Owner
    classes: tuple[EdgeClass, ...]
    nodes: Mapping[str, SiteNode]
    known: Mapping[str, KnownAssignment]
    plan: Plan
    now: datetime

    @property
    def rebalancing(self) -> bool:
        """Whether a person asked for a new placement and it is not done yet."""
        return REBALANCE in self.site.marks


def planned(view: SiteView, site: SeenSite, spec: SiteSpec, images: Images, now: datetime) -> Planned:
    """Think `view` through."""
    classes = node_classes(spec, images)
    nodes = site_nodes(view, classes)
    known = {name: known_assignment(seen) for name, seen in view.assignments.items()}
    facts = [node_facts(node) for node in nodes.values()]
    facts += [gone_node(name, told.node_uid) for name, told in known.items() if name not in nodes]
    placement = plan(
        [camera_facts(camera) for camera in view.cameras],
        facts,
        [held for told in known.values() for held in told.held],
        [released for told in known.values() for released in told.released],
        policy_of(spec, rebalance=REBALANCE in site.marks),
        now,
        _revisions(nodes, known),
    )
    return Planned(view, site, spec, Owner(site.key, site.uid), classes, nodes, known, placement, now)


def _revisions(nodes: Mapping[str, SiteNode], known: Mapping[str, KnownAssignment]) -> dict[str, int]:
    """Each node's newest revision: what stands in its assignment, or what its agent has applied if that is newer."""
    applied = {name: node.report.applied_revision for name, node in nodes.items() if node.report}
    written = {name: told.seen.revision for name, told in known.items()}
    return {name: max(applied.get(name, 0), written.get(name, 0)) for name in {*applied, *written}}
