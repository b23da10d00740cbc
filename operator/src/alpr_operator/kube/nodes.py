"""What `nodes` shows: one line a node and site. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alpr_operator.kube.fleet import (
    CLASS_LABEL,
    SITE_LABEL,
    Fleet,
    ago,
    at,
    condition,
    draining,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    reported_at,
    short_digest,
)
from alpr_operator.kube.kubectl import Object
from alpr_operator.kube.tables import Cell, Sheet, told

# Class and units of a node with these labels by its site: what holds until its agent has measured itself.
Classed = Callable[[Object, Mapping[str, str]], tuple[str, int, bool] | None]


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node of one site; figures are None where they are not known."""

    namespace: str
    site: str
    name: str
    node_class: str | None
    ready: str
    offline_since: datetime | None
    draining: bool
    cameras: int
    waiting_release: int
    units: int | None
    units_used: int
    measured: bool
    wanted_revision: int | None
    applied_revision: int | None
    detector: str | None
    reader: str | None
    agent_version: str | None
    sealing_key: bool
    reported: datetime | None
    same_machine: bool


def node_rows(fleet: Fleet, classed: Classed, *, site: str | None = None) -> list[NodeRow]:
    """One row for each node of each site in `fleet`, and for nodes that are gone but still have an assignment."""
    rows = []
    assigned = _assigned(fleet)
    for owner in fleet.sites:
        if site not in (None, name_of(owner)):
            continue
        names = {name_of(node) for node in fleet.nodes_of(owner)} | assigned.get(key_of(owner), set())
        rows += [_row(fleet, owner, name, classed) for name in sorted(names)]
    return rows


def _assigned(fleet: Fleet) -> dict[tuple[str, str], set[str]]:
    """The nodes that have an assignment, by site."""
    names: dict[tuple[str, str], set[str]] = {}
    for found in fleet.assignments:
        owner = labels_of(found).get(SITE_LABEL) or str(at(found, "spec", "site"))
        names.setdefault((namespace_of(found), owner), set()).add(name_of(found))
    return names


def _row(fleet: Fleet, site: Object, name: str, classed: Classed) -> NodeRow:
    namespace = namespace_of(site)
    node, assignment, report = fleet.node(name), fleet.assignment(namespace, name), fleet.report(namespace, name)
    labels = labels_of(node) if node else {}
    found = classed(site, labels)
    told_class, units, may_measure = found or (labels.get(CLASS_LABEL), None, True)
    figure = at(report, "status", "capacity", "units")
    measured = may_measure and figure is not None
    running = at(report, "status", "appliedModels")
    ready, since = _readiness(fleet, node)
    return NodeRow(
        namespace=namespace,
        site=name_of(site),
        name=name,
        node_class=told_class,
        ready=ready,
        offline_since=since,
        draining=bool(node and draining(node)),
        cameras=len(at(assignment, "spec", "cameras") or ()),
        waiting_release=len(at(assignment, "spec", "released") or ()),
        units=int(figure) if measured else units,
        units_used=fleet.units_used.get((namespace, name), 0),
        measured=measured,
        wanted_revision=at(assignment, "spec", "revision"),
        applied_revision=at(report, "status", "appliedRevision"),
        detector=at(running, "detector", "digest"),
        reader=at(running, "reader", "digest"),
        agent_version=at(report, "status", "agentVersion"),
        sealing_key=bool(at(report, "status", "sealingKey")),
        reported=reported_at(report),
        same_machine=_same_machine(node, report),
    )


def _readiness(fleet: Fleet, node: Object | None) -> tuple[str, datetime | None]:
    """Ready, NotReady, Gone or `?` where nodes may not be seen; and since when it is away."""
    if node is None:
        return ("?" if fleet.nodes_hidden else "Gone"), None
    turn = condition(node, "Ready")
    return ("Ready", None) if turn.status == "True" else ("NotReady", turn.since)


def _same_machine(node: Object | None, report: Object | None) -> bool:
    reported = at(report, "status", "nodeUid")
    return not reported or node is None or reported == at(node, "metadata", "uid")


def sheet(rows: Sequence[NodeRow], now: datetime, *, namespaces: bool, wide: bool) -> Sheet:
    """As a table; `wide` adds the reader, the agent's version and where the units come from."""
    first = ("NAMESPACE",) if namespaces else ()
    last = ("READER", "AGENT", "CAPACITY", "SEALED") if wide else ()
    headings = (*first, "NODE", "SITE", "CLASS", "READY", "CAMERAS", "UNITS", "REVISION", "DETECTOR", "REPORTED", *last)
    return Sheet(headings, tuple(_line(row, now, namespaces=namespaces, wide=wide) for row in rows))


def _line(row: NodeRow, now: datetime, *, namespaces: bool, wide: bool) -> tuple[Cell, ...]:
    cells = [Cell(row.namespace)] if namespaces else []
    units = "?" if row.units is None else str(row.units)
    full = row.units is not None and row.units_used >= row.units
    cells += [
        Cell(row.name),
        Cell(row.site),
        Cell(row.node_class or "none", "plain" if row.node_class else "bad"),
        _ready(row, now),
        Cell(str(row.cameras) + (f" (-{row.waiting_release})" if row.waiting_release else "")),
        Cell(f"{row.units_used}/{units}", "wait" if full else "plain"),
        _revision(row),
        Cell(short_digest(row.detector)),
        Cell(ago(row.reported, now), "dim") if row.same_machine else Cell("another machine's", "bad"),
    ]
    if wide:
        cells += [Cell(short_digest(row.reader)), Cell(row.agent_version or "-")]
        cells += [Cell("measured" if row.measured else "class"), Cell("yes" if row.sealing_key else "no")]
    return tuple(cells)


def _ready(row: NodeRow, now: datetime) -> Cell:
    if row.ready == "Ready":
        return Cell("Draining", "wait") if row.draining else told("True", "")
    since = f" {ago(row.offline_since, now)}" if row.offline_since else ""
    return Cell(row.ready + since, "wait" if row.ready == "?" else "bad")


def _revision(row: NodeRow) -> Cell:
    if row.wanted_revision is None:
        return Cell("-", "dim")
    if row.applied_revision is None:
        return Cell(f"none/{row.wanted_revision}", "wait")
    if row.applied_revision >= row.wanted_revision:
        return Cell(str(row.applied_revision))
    return Cell(f"{row.applied_revision}/{row.wanted_revision}", "wait")
