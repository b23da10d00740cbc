"""The store itself: events in, the view of one site out. No client, no clock, no waiting."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import orjson

from alpr_kubernetes import Kind, Object, kinds
from alpr_operator.store import reading
from alpr_operator.store.objects import (
    SITE_LABEL,
    Pair,
    SeenAssignment,
    SeenCamera,
    SeenChild,
    SeenNode,
    SeenReport,
    SeenSite,
    SiteKey,
)

CHILD_KINDS: Final = (
    kinds.SERVICE_ACCOUNTS,
    kinds.ROLES,
    kinds.ROLE_BINDINGS,
    kinds.NETWORK_POLICIES,
    kinds.DAEMON_SETS,
)
KINDS: Final = (kinds.SITES, kinds.NODES, kinds.REPORTS, kinds.ASSIGNMENTS, kinds.CAMERAS, *CHILD_KINDS)
_FORGOTTEN_UIDS = 20_000


class Effect(NamedTuple):
    """What an event means: the sites to look at, and whether no more than a status changed."""

    sites: frozenset[SiteKey]
    status_only: bool = False


NOTHING: Final = Effect(frozenset())


@dataclass(frozen=True, slots=True)
class SiteView:
    """One site as it is seen now.

    Attributes:
        site: None where cameras name an AlprSite that is not there (any more).
        claimed_by: another AlprSite that has this site's nodes, by its name.
    """

    key: SiteKey
    site: SeenSite | None
    cameras: tuple[SeenCamera, ...]
    nodes: tuple[SeenNode, ...]
    assignments: dict[str, SeenAssignment]
    reports: dict[str, SeenReport]
    children: dict[tuple[str, str], SeenChild]
    claimed_by: SiteKey | None = None


class Store:
    """Objects by site. Older versions than the one kept are ignored, so answers and events may come in any order."""

    def __init__(self) -> None:
        self._sites: dict[SiteKey, SeenSite] = {}
        self._cameras: dict[SiteKey, dict[str, SeenCamera]] = defaultdict(dict)
        self._camera_site: dict[Pair, SiteKey] = {}
        self._nodes: dict[str, SeenNode] = {}
        self._nodes_by_site: dict[str, set[str]] = defaultdict(set)
        self._assignments: dict[Pair, SeenAssignment] = {}
        self._assigned: dict[SiteKey, set[str]] = defaultdict(set)
        self._sites_of_node: dict[str, set[SiteKey]] = defaultdict(set)
        self._reports: dict[Pair, SeenReport] = {}
        self._children: dict[SiteKey, dict[tuple[str, str], SeenChild]] = defaultdict(dict)
        self._child_site: dict[tuple[str, Pair], SiteKey] = {}
        self._keys_by_name: dict[str, set[SiteKey]] = defaultdict(set)
        self._own_selector: set[SiteKey] = set()
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._uids: dict[str, dict[Pair, str]] = {kind.plural: {} for kind in KINDS}
        self._versions: dict[str, dict[Pair, int]] = {kind.plural: {} for kind in KINDS}

    def put(self, kind: Kind, raw: Object) -> Effect:
        """Take in an object as it is now."""
        meta = raw["metadata"]
        if meta["uid"] in self._gone:
            return NOTHING
        if not self._is_news(kind, _pair(raw), meta["uid"], reading.version_of(raw)):
            return NOTHING
        match kind.name:
            case "AlprSite":
                effect = self._put_site(reading.seen_site(raw))
            case "Camera":
                effect = self._put_camera(reading.seen_camera(raw))
            case "Node":
                effect = self._put_node(reading.seen_node(raw))
            case "EdgeAssignment":
                effect = self._put_assignment(reading.seen_assignment(raw))
            case "EdgeReport":
                effect = self._put_report(reading.seen_report(raw))
            case _:
                effect = self._put_child(reading.seen_child(kind, raw))
        return effect

    def remove(self, kind: Kind, pair: Pair, uid: str) -> Effect:
        """An object is gone; what comes late of it is ignored from now on."""
        self._gone[uid] = None
        while len(self._gone) > _FORGOTTEN_UIDS:
            self._gone.popitem(last=False)
        if self._uids[kind.plural].get(pair) != uid:
            return NOTHING  # another of the same name is there already
        del self._uids[kind.plural][pair], self._versions[kind.plural][pair]
        removers: dict[str, Callable[[Pair], Effect]] = {
            "AlprSite": self._remove_site,
            "Camera": self._remove_camera,
            "Node": self._remove_node,
            "EdgeAssignment": self._remove_assignment,
            "EdgeReport": self._remove_report,
        }
        remover = removers.get(kind.name)
        return remover(pair) if remover else self._remove_child(kind, pair)

    def _is_news(self, kind: Kind, pair: Pair, uid: str, version: int) -> bool:
        """Whether it is newer than what is known, and known from now on. Echoes of our own writes are not, mostly."""
        uids, versions = self._uids[kind.plural], self._versions[kind.plural]
        if uids.get(pair) == uid and versions[pair] >= version:
            return False
        uids[pair], versions[pair] = uid, version
        return True

    def identities(self, kind: Kind) -> dict[Pair, str]:
        """The UIDs of all objects kept of `kind`."""
        return dict(self._uids[kind.plural])

    def count(self, kind: Kind) -> int:
        """How many objects of `kind` are kept."""
        return len(self._uids[kind.plural])

    def sites(self) -> set[SiteKey]:
        """All sites that there is something to do or to say for."""
        with_cameras = {key for key, cameras in self._cameras.items() if cameras}
        with_assignments = {key for key, nodes in self._assigned.items() if nodes}
        return set(self._sites) | with_cameras | with_assignments

    def view(self, key: SiteKey) -> SiteView:
        """One site as it is seen now."""
        site = self._sites.get(key)
        nodes = tuple(sorted(self._site_nodes(site), key=lambda node: node.name)) if site else ()
        assignments = {name: self._assignments[Pair(key.namespace, name)] for name in self._assigned.get(key, ())}
        names = {node.name for node in nodes} | set(assignments)
        reports = {name: self._reports[pair] for name in names if (pair := Pair(key.namespace, name)) in self._reports}
        return SiteView(
            key=key,
            site=site,
            cameras=tuple(sorted(self._cameras.get(key, {}).values(), key=lambda camera: camera.name)),
            nodes=nodes,
            assignments=assignments,
            reports=reports,
            children=dict(self._children.get(key, {})),
            claimed_by=self._first_of_name(key),
        )

    def served(self) -> set[Pair]:
        """All cameras that stand in an assignment."""
        return {
            Pair(pair.namespace, camera["name"])
            for pair, seen in self._assignments.items()
            for camera in orjson.loads(seen.spec).get("cameras") or ()
        }

    def secrets(self) -> set[Pair]:
        """All Secrets that cameras name."""
        return {
            Pair(key.namespace, camera.secret)
            for key, cameras in self._cameras.items()
            for camera in cameras.values()
            if camera.secret
        }

    def sites_with_secret(self, pair: Pair) -> set[SiteKey]:
        """The sites whose cameras name that Secret."""
        return {
            key
            for key, cameras in self._cameras.items()
            if key.namespace == pair.namespace and any(camera.secret == pair.name for camera in cameras.values())
        }

    def sites_in(self, namespace: str) -> set[SiteKey]:
        """The sites of a namespace."""
        return {key for key in self.sites() if key.namespace == namespace}

    def _first_of_name(self, key: SiteKey) -> SiteKey | None:
        """Another site of the same name that has the nodes, because it comes first; None where this one has them."""
        same = self._keys_by_name.get(key.name, set()) - self._own_selector
        if key in self._own_selector or len(same) < 2:
            return None
        first = min(same)
        return first if first != key else None

    def _site_nodes(self, site: SeenSite) -> Iterable[SeenNode]:
        wanted = (site.spec.edge.node_selector if site.spec else None) or {SITE_LABEL: site.key.name}
        if SITE_LABEL in wanted:
            candidates = [self._nodes[name] for name in self._nodes_by_site.get(wanted[SITE_LABEL], ())]
        else:
            candidates = list(self._nodes.values())
        return (node for node in candidates if wanted.items() <= node.labels.items())

    def _put_site(self, new: SeenSite) -> Effect:
        old = self._sites.get(new.key)
        if old and old.version >= new.version:
            return NOTHING
        self._sites[new.key] = new
        self._keys_by_name[new.key.name].add(new.key)
        chosen = bool(new.spec and new.spec.edge.node_selector and SITE_LABEL not in new.spec.edge.node_selector)
        (self._own_selector.add if chosen else self._own_selector.discard)(new.key)
        return _effect(old, new, frozenset((new.key,)))

    def _remove_site(self, pair: Pair) -> Effect:
        key = SiteKey(*pair)
        self._sites.pop(key, None)
        self._keys_by_name[key.name].discard(key)
        self._own_selector.discard(key)
        return Effect(frozenset({key, *self._keys_by_name[key.name]}))

    def _put_camera(self, new: SeenCamera) -> Effect:
        pair = Pair(new.site.namespace, new.name)
        before = self._camera_site.get(pair)
        old = self._cameras[before].get(new.name) if before else None
        if old and old.version >= new.version:
            return NOTHING
        if before and before != new.site:
            del self._cameras[before][new.name]
        self._cameras[new.site][new.name] = new
        self._camera_site[pair] = new.site
        return _effect(old, new, frozenset({new.site, before or new.site}))

    def _remove_camera(self, pair: Pair) -> Effect:
        site = self._camera_site.pop(pair, None)
        if site is None:
            return NOTHING
        self._cameras[site].pop(pair.name, None)
        return Effect(frozenset((site,)))

    def _put_node(self, new: SeenNode) -> Effect:
        old = self._nodes.get(new.name)
        if old and old.version >= new.version and old.uid == new.uid:
            return NOTHING
        self._nodes[new.name] = new
        touched = self._touched_by(new) | (self._touched_by(old) if old else set())
        if old:
            self._nodes_by_site[old.labels.get(SITE_LABEL, "")].discard(old.name)
        self._nodes_by_site[new.labels.get(SITE_LABEL, "")].add(new.name)
        return _effect(old, new, frozenset(touched))

    def _remove_node(self, pair: Pair) -> Effect:
        old = self._nodes.pop(pair.name, None)
        if old is None:
            return NOTHING
        self._nodes_by_site[old.labels.get(SITE_LABEL, "")].discard(old.name)
        return Effect(frozenset(self._touched_by(old)))

    def _touched_by(self, node: SeenNode) -> set[SiteKey]:
        by_label = self._keys_by_name.get(node.labels.get(SITE_LABEL, ""), set())
        return by_label | self._own_selector | self._sites_of_node.get(node.name, set())

    def _put_assignment(self, new: SeenAssignment) -> Effect:
        pair = Pair(new.site.namespace, new.node)
        old = self._assignments.get(pair)
        if old and old.version >= new.version and old.uid == new.uid:
            return NOTHING
        if old and old.site != new.site:
            self._remove_assignment(pair)
        self._assignments[pair] = new
        self._assigned[new.site].add(new.node)
        self._sites_of_node[new.node].add(new.site)
        return _effect(old, new, frozenset((new.site,)))

    def _remove_assignment(self, pair: Pair) -> Effect:
        old = self._assignments.pop(pair, None)
        if old is None:
            return NOTHING
        self._assigned[old.site].discard(old.node)
        self._sites_of_node[old.node].discard(old.site)
        return Effect(frozenset((old.site,)))

    def _put_report(self, new: SeenReport) -> Effect:
        pair = Pair(new.namespace, new.node)
        old = self._reports.get(pair)
        if old and old.version >= new.version:
            return NOTHING
        self._reports[pair] = new
        return _effect(old, new, self._reported(pair)) if old or new.told else NOTHING

    def _remove_report(self, pair: Pair) -> Effect:
        self._reports.pop(pair, None)
        return Effect(self._reported(pair))

    def _reported(self, pair: Pair) -> frozenset[SiteKey]:
        return frozenset(key for key in self._sites_of_node.get(pair.name, ()) if key.namespace == pair.namespace)

    def _put_child(self, new: SeenChild) -> Effect:
        pair = Pair(new.site.namespace, new.name)
        before = self._child_site.get((new.kind.name, pair))
        old = self._children[before].get((new.kind.name, new.name)) if before else None
        if old and old.version >= new.version and old.uid == new.uid:
            return NOTHING
        if before and before != new.site:
            del self._children[before][new.kind.name, new.name]
        self._children[new.site][new.kind.name, new.name] = new
        self._child_site[new.kind.name, pair] = new.site
        return _effect(old, new, frozenset({new.site, before or new.site}))

    def _remove_child(self, kind: Kind, pair: Pair) -> Effect:
        site = self._child_site.pop((kind.name, pair), None)
        if site is None:
            return NOTHING
        self._children[site].pop((kind.name, pair.name), None)
        return Effect(frozenset((site,)))


def _pair(raw: Object) -> Pair:
    meta = raw["metadata"]
    return Pair(meta.get("namespace", ""), meta["name"])


def _effect(old: Any, new: Any, sites: frozenset[SiteKey]) -> Effect:
    """Nothing where the objects differ in no more than their version."""
    if old is None:
        return Effect(sites)
    aged = replace(old, version=new.version)
    if aged == new:
        return NOTHING
    return Effect(sites, any(_differ_in(aged, new, field) for field in ("status", "pods")))


def _differ_in(aged: Any, new: Any, field: str) -> bool:
    """Whether they are equal in all but that one field, which they have."""
    return hasattr(new, field) and bool(replace(aged, **{field: getattr(new, field)}) == new)
