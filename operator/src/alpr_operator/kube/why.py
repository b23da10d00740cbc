"""What `why CAMERA` tells: where it is served and since when, or what keeps it, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alpr_operator.kube.fleet import (
    QUARANTINE,
    Fleet,
    Turn,
    ago,
    annotation,
    at,
    condition,
    draining,
    name_of,
    namespace_of,
    paused,
    reported_at,
)
from alpr_operator.kube.kubectl import Object
from alpr_operator.kube.tables import Sentence, Tone


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence, and the command or change that helps where one does."""

    text: str
    tone: Tone = "plain"
    todo: str | None = None


@dataclass(slots=True)
class Told:
    """All that is known of one camera."""

    camera: str
    namespace: str
    facts: list[Fact] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Case:
    """One camera and everything around it."""

    fleet: Fleet
    camera: Object
    now: datetime

    @property
    def namespace(self) -> str:
        return namespace_of(self.camera)

    @property
    def name(self) -> str:
        return name_of(self.camera)

    @property
    def site_name(self) -> str:
        return str(at(self.camera, "spec", "siteRef", "name") or "")

    @property
    def site(self) -> Object | None:
        return self.fleet.site_of(self.camera)

    def run(self, words: str) -> str:
        """A command of ours for this namespace."""
        return f"kubectl alpr {words} -n {self.namespace}"


def why(fleet: Fleet, camera: Object, now: datetime) -> Told:
    """Explain `camera` by what `fleet` holds of its namespace and of the nodes."""
    case = _Case(fleet, camera, now)
    told = Told(case.name, case.namespace)
    told.facts += [_who(case), *_before_all(case)]
    if not condition(camera, "Assigned").status:
        told.facts.append(_never_seen())
        return told
    told.facts += [*_assigned(case), *_streaming(case), *_credentials(case), *_twins(case)]
    return told


def sentences(told: Told) -> list[Sentence]:
    """As prose: facts, and below each what to do."""
    lines = []
    for fact in told.facts:
        lines.append(Sentence(fact.text, fact.tone))
        if fact.todo:
            lines.append(Sentence(f"  → {fact.todo}", "title"))
    return lines


def _who(case: _Case) -> Fact:
    spec = case.camera.get("spec") or {}
    called = f" ({spec['displayName']})" if spec.get("displayName") else ""
    priority = 100 if spec.get("priority") is None else spec["priority"]
    source = at(spec, "source", "url") or "no address"
    return Fact(f"{case.name}{called} of site {case.site_name}, priority {priority}, reads {source}.", "title")


def _never_seen() -> Fact:
    text = "The operator has said nothing of it yet."
    return Fact(text, "bad", "see that it runs: kubectl get pods -A -l app.kubernetes.io/name=alpr-operator")


def _before_all(case: _Case) -> Iterator[Fact]:
    """What stands above assignment: deletion, pause, an operator that has not caught up."""
    meta = case.camera.get("metadata") or {}
    if meta.get("deletionTimestamp"):
        yield Fact("It is being deleted; its node has two minutes to let it go, then it goes anyway.", "wait")
    if case.site is None:
        text = f"There is no AlprSite {case.site_name} in namespace {case.namespace}."
        yield Fact(text, "bad", "create it, or correct spec.siteRef.name (a camera must be made anew for that)")
    elif paused(case.site):
        text = f"Site {case.site_name} is paused: nothing changes."
        yield Fact(text, "wait", case.run(f"resume {case.site_name}"))
    if case.site is not None and (stalled := condition(case.site, "Stalled")).status == "True":
        yield Fact(f"Site {case.site_name} is stalled ({stalled.reason}).", "bad", stalled.message or None)
    seen, generation = at(case.camera, "status", "observedGeneration"), meta.get("generation")
    if seen is not None and generation is not None and seen < generation:
        yield Fact("The operator has not taken up the last change of its spec yet.", "wait")


def _assigned(case: _Case) -> Iterator[Fact]:
    turn = condition(case.camera, "Assigned")
    if turn.status != "True":
        yield _not_assigned(case, turn)
        return
    node = str(at(case.camera, "status", "nodeName"))
    entry = _entry(case, node)
    since = at(entry, "since")
    moved = {"FailedOver": ", because the node before was lost", "Moved": ", moved there as planned"}.get(
        turn.reason, ""
    )
    when = ago(datetime.fromisoformat(since), case.now) if since else ago(turn.since, case.now)
    units, epoch = at(case.camera, "status", "costUnits"), at(case.camera, "status", "epoch")
    pinned = ", pinned" if at(case.camera, "spec", "placement", "nodeName") == node else ""
    yield Fact(f"It is on node {node} for {when}{moved}{pinned} (costs {units} units, epoch {epoch}).", "good")
    yield from _node(case, node)


def _entry(case: _Case, node: str) -> dict[str, Any] | None:
    cameras = at(case.fleet.assignment(case.namespace, node), "spec", "cameras") or ()
    return next((one for one in cameras if one.get("name") == case.name), None)


def _not_assigned(case: _Case, turn: Turn) -> Fact:
    since = f" for {ago(turn.since, case.now)}" if turn.since else ""
    text = f"It has no node{since} ({turn.reason}): {turn.message}."
    if turn.reason == "Disabled":
        return _disabled(case)
    if turn.reason == "Releasing":
        return _releasing(case, turn)
    if turn.reason == "InsufficientCapacity":
        return Fact(text + _free(case), "bad", _more_room(case))
    return Fact(text, "wait" if turn.reason == "Waiting" else "bad", _helps(case).get(turn.reason))


def _helps(case: _Case) -> dict[str, str]:
    """What to do where a camera has no node, by reason."""
    unpin = case.run(f"move {case.name} --unpin")
    return {
        "NoNode": f"kubectl label node NODE ovr-alpr.io/site={case.site_name} ovr-alpr.io/node-class=CLASS",
        "PinnedNodeMissing": f"bring the node back, or let the planner choose: {unpin}",
        "SelectorMatchesNothing": "label a node of the site so, or change spec.placement.nodeSelector",
        "Invalid": "correct the field that is named",
    }


def _disabled(case: _Case) -> Fact:
    if annotation(case.camera, QUARANTINE) == "true":
        text = f"A person has put it into quarantine (annotation {QUARANTINE}): it is served nowhere."
        todo = f"kubectl annotate cameras.ovr-alpr.io {case.name} {QUARANTINE}- -n {case.namespace}"
        return Fact(text, "wait", todo)
    return Fact("It is switched off: spec.enabled is false.", "wait", "set spec.enabled to true where it is kept")


def _releasing(case: _Case, turn: Turn) -> Fact:
    """Which node has yet to let go, and whether it can."""
    for assignment in case.fleet.assignments:
        for entry in at(assignment, "spec", "released") or ():
            if namespace_of(assignment) == case.namespace and entry.get("name") == case.name:
                return _held_by(case, name_of(assignment), entry)
    return Fact(f"It is between two nodes: {turn.message}.", "wait")


def _held_by(case: _Case, node: str, entry: dict[str, Any]) -> Fact:
    applied = at(case.fleet.report(case.namespace, node), "status", "appliedRevision")
    to = f" on its way to {entry['to']}" if entry.get("to") else ""
    text = (
        f"It waits{to} until node {node} has let it go: revision {entry.get('revision')} of its assignment says so, "
        f"it has applied {'none' if applied is None else applied}."
    )
    found = case.fleet.node(node)
    if found is not None and condition(found, "Ready").status == "True":
        return Fact(text, "wait")
    after = at(case.site, "spec", "assignment", "failover", "after") or "10m"
    return Fact(f"{text} {node} is not ready; after {after} it counts as lost, and the camera goes on.", "wait")


def _free(case: _Case) -> str:
    units = at(case.site, "status", "units") or {}
    if not units:
        return ""
    total, used = int(units.get("total") or 0), int(units.get("used") or 0)
    reserve = at(case.site, "spec", "assignment", "reservePercent")
    kept = 10 if reserve is None else reserve
    return f" The site uses {used} of {total} units, and keeps {kept} % of each node in reserve."


def _more_room(case: _Case) -> str:
    patch = '{"spec":{"priority":500}}'
    raising = f"kubectl patch cameras.ovr-alpr.io {case.name} -n {case.namespace} --type=merge -p '{patch}'"
    return f"add a node, ask for fewer pixels or frames in spec.stream, or let others wait for this one: {raising}"


def _node(case: _Case, node: str) -> Iterator[Fact]:
    found = case.fleet.node(node)
    if found is None:
        if not case.fleet.nodes_hidden:
            yield Fact(f"There is no node {node} any more; its cameras are placed anew.", "wait")
    else:
        yield from _node_state(case, found)
    assignment, report = case.fleet.assignment(case.namespace, node), case.fleet.report(case.namespace, node)
    if report is None:
        logs = f"kubectl logs -n {case.namespace} -l app.kubernetes.io/name=alpr-edge -c agent --prefix"
        yield Fact(f"The agent of {node} has never reported.", "wait", f"see its log: {logs}")
        return
    wanted, applied = at(assignment, "spec", "revision") or 0, at(report, "status", "appliedRevision") or 0
    if applied < wanted:
        when = ago(reported_at(report), case.now)
        yield Fact(f"{node} has applied revision {applied} of {wanted}; its last report is {when} old.", "wait")


def _node_state(case: _Case, node: Object) -> Iterator[Fact]:
    turn = condition(node, "Ready")
    if turn.status != "True":
        after = at(case.site, "spec", "assignment", "failover", "after") or "10m"
        on = at(case.site, "spec", "assignment", "failover", "enabled") is not False
        then = f"after {after} its cameras move, where there is room" if on else "failover is off, so it stays there"
        yield Fact(f"Node {name_of(node)} is not ready for {ago(turn.since, case.now)}; {then}.", "bad")
    if draining(node):
        todo = f"kubectl alpr drain {name_of(node)} --undo"
        yield Fact(f"Node {name_of(node)} is being drained: its cameras move as others have room.", "wait", todo)


def _streaming(case: _Case) -> Iterator[Fact]:
    turn = condition(case.camera, "Streaming")
    since = f" for {ago(turn.since, case.now)}" if turn.since else ""
    message = f": {turn.message}" if turn.message else ""
    match turn.status, turn.reason:
        case "True", _:
            yield Fact(f"Its pictures come in{since}.", "good")
        case _, "NotAssigned" | "":
            return
        case "False", "Quarantined":
            text = f"It killed the pipeline again and again, so its node has set it aside{since}{message}."
            yield Fact(text, "bad", "it is tried again after an hour, or as soon as its spec changes")
        case "False", "Connecting":
            yield Fact(f"Its node is connecting{since}{message}.", "wait")
        case "False", reason:
            yield Fact(f"No pictures come in{since} ({reason}){message}.", "bad")
        case _, reason:
            yield Fact(f"Whether pictures come in is not known{since} ({reason}){message}.", "wait")


def _credentials(case: _Case) -> Iterator[Fact]:
    turn = condition(case.camera, "CredentialsValid")
    if turn.status in ("", "True"):
        return
    secret = at(case.camera, "spec", "source", "credentialsSecretRef", "name")
    todo = None
    if turn.reason == "SecretMissing":
        keys = "--from-literal=username=NAME --from-file=password=FILE"
        todo = f"kubectl create secret generic {secret} -n {case.namespace} {keys}"
    elif turn.reason == "NoAccess":
        todo = f"kubectl alpr site init {case.site_name} -n {case.namespace} --access-only --apply"
    yield Fact(f"Its password ({turn.reason}): {turn.message}.", "bad", todo)


def _twins(case: _Case) -> Iterator[Fact]:
    turn = condition(case.camera, "UniqueSource")
    if turn.status == "False":
        yield Fact(f"{turn.message}.", "wait", "remove one of them, or give them different addresses")
