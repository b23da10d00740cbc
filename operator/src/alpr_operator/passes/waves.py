"""How a change of image or models reaches the nodes: facts of a pass in for `rollout.advance`, writes out. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from pydantic import ValidationError

from alpr_kubernetes import Object, kinds
from alpr_operator.desired import WORKLOAD, EdgeClass, digest, workload_of
from alpr_operator.desired.manifests import sealed
from alpr_operator.passes.inputs import SiteNode
from alpr_operator.passes.planned import Planned
from alpr_operator.passes.writes import desired_daemon_sets
from alpr_operator.rollout import RolloutNode, Step, Target, advance
from alpr_operator.status.conditions import Told
from alpr_operator.store import APPLIED_HASH, ROLLBACK
from alpr_operator.store.reading import moment
from alpr_operator.writes import Lane, Write
from alpr_schemas.resources import ReportedGates, RolloutStatus, SiteModels

_ROLES: Final = ("detector", "reader")
_NODE_CANNOT: Final = ("SelfTestFailed", "DigestMismatch")
EventTold = tuple[Literal["Normal", "Warning"], str, str]


@dataclass(frozen=True, slots=True)
class SeenPod:
    """The edge pod on a node."""

    name: str
    uid: str
    workload: str
    ready: bool
    since: datetime | None


def seen_pod(pod: Object) -> SeenPod:
    """A pod as a wave sees it; one on its way out is not ready."""
    conditions = {told["type"]: told for told in pod.get("status", {}).get("conditions") or ()}
    told = conditions.get("Ready", {})
    meta = pod["metadata"]
    return SeenPod(
        name=meta["name"],
        uid=meta["uid"],
        workload=str((meta.get("annotations") or {}).get(WORKLOAD, "")),
        ready=told.get("status") == "True" and "deletionTimestamp" not in meta,
        since=moment(told.get("lastTransitionTime")),
    )


@dataclass(frozen=True, slots=True)
class Wave:
    """What the rollout makes of this pass.

    Attributes:
        daemon_sets: by class, with the template that holds now.
        models: node → what its EdgeAssignment says of models.
        deletions: pods that shall come up anew.
        status: status.rollout on the wire.
        pods_wanted: whether the pods themselves must be looked at to go on.
    """

    daemon_sets: Mapping[str, Object]
    models: Mapping[str, Mapping[str, Any]]
    deletions: list[Write] = field(default_factory=list)
    events: tuple[EventTold, ...] = ()
    status: Mapping[str, Any] | None = None
    condition: Told | None = None
    stalled: tuple[str, str] | None = None
    next_at: datetime | None = None
    pods_wanted: bool = False


def wave_of(told: Planned, pods: Mapping[str, SeenPod] | None) -> Wave:
    """Move the site's rollout on by what is seen now."""
    wanted = target_of(told, told.classes, told.spec.models)
    state = _state(told)
    if pods is None and _must_see_pods(told, state, wanted):
        old = Target.unpack(state.from_state) if state.phase == "RolledBack" else None
        daemon_sets = _of_before(told, old) if old else desired_daemon_sets(told, told.classes)
        return Wave(daemon_sets, _models_kept(told, wanted), status=_before(told), pods_wanted=True)
    nodes = [_node(told, name, node, pods, wanted, state) for name, node in sorted(told.nodes.items())]
    step = advance(state, wanted, told.spec.rollout, nodes, told.now, **_asked(told))
    return _wave(told, step, wanted, state, pods)


def target_of(told: Planned, classes: tuple[EdgeClass, ...], models: SiteModels) -> Target:
    """The state that `classes` and `models` make, for all classes, whether there are such nodes or not."""
    sets = desired_daemon_sets(told, classes, every=True)
    workloads = {name: workload_of(manifest) for name, manifest in sets.items()}
    images = {known.name: [known.agent_image, known.pipeline_image] for known in classes}
    detail = json.dumps({"images": images, "models": models.wire()}, sort_keys=True, separators=(",", ":"))
    models_digest = _digest_of(models.wire())
    return Target(digest([workloads, models_digest]), workloads, models_digest, detail)


def _digest_of(models: Mapping[str, Any]) -> str:
    """Over the digests of the models alone: an address may change without a rollout."""
    return digest({role: (models.get(role) or {}).get("digest") for role in _ROLES})


def _state(told: Planned) -> RolloutStatus:
    try:
        return RolloutStatus.model_validate(_before(told) or {})
    except ValidationError:
        return RolloutStatus()


def _before(told: Planned) -> Mapping[str, Any] | None:
    before: Mapping[str, Any] | None = orjson.loads(told.site.status).get("rollout")
    return before


def _must_see_pods(told: Planned, state: RolloutStatus, wanted: Target) -> bool:
    """In steady state the DaemonSets' own counts tell that all pods are of the newest template."""
    sets = [seen for (kind, _), seen in told.view.children.items() if kind == "DaemonSet"]
    if not any(seen.pods and seen.pods[0] for seen in sets):
        return False
    if state.phase != "Idle" or state.to_digest != wanted.digest:
        return True
    return any(seen.pods is not None and seen.pods[0] > seen.pods[2] for seen in sets)


def _node(
    told: Planned,
    name: str,
    node: SiteNode,
    pods: Mapping[str, SeenPod] | None,
    wanted: Target,
    state: RolloutStatus,
) -> RolloutNode:
    pod = pods.get(name) if pods is not None else None
    known = told.known.get(name)
    report = orjson.loads(node.report.status) if node.report else {}
    workload = pod.workload if pod else None
    if pods is None and _has_daemon_set(told, node):
        workload = wanted.workloads[node.told.name]  # nobody needed to look: the DaemonSet's counts say so
    gates = report.get("gates")
    return RolloutNode(
        name=name,
        node_class=node.told.name,
        ready=node.seen.ready,
        workload=workload,
        pod_ready=pod.ready if pod else pods is None,
        told_models=_digest_of(known.models) if known else None,
        models=_running(report, wanted, Target.unpack(state.from_state)) if node.report else None,
        gates=ReportedGates.model_validate(gates) if gates else None,
        since=pod.since if pod else None,
        offline_since=None if node.seen.ready else node.seen.since,
        ready_since=node.seen.since if node.seen.ready else None,
        problem=_problem(report),
    )


def _has_daemon_set(told: Planned, node: SiteNode) -> bool:
    seen = told.view.children.get(("DaemonSet", f"{told.owner.child_name}-{node.told.name}"))
    return bool(seen and seen.pods and seen.pods[0])


def _running(report: Mapping[str, Any], wanted: Target, before: Target | None) -> str:
    """Which state's models the node runs; models that a state does not name may be any."""
    applied = report.get("appliedModels") or {}
    for target in (wanted, before):
        if target is not None and _satisfies(applied, orjson.loads(target.detail)["models"]):
            return target.models
    return _digest_of(applied)


def _satisfies(applied: Mapping[str, Any], models: Mapping[str, Any]) -> bool:
    named = {role: told["digest"] for role in _ROLES if (told := models.get(role)) and told.get("digest")}
    return all((applied.get(role) or {}).get("digest") == wanted for role, wanted in named.items())


def _problem(report: Mapping[str, Any]) -> str | None:
    for told in report.get("conditions") or ():
        if told["type"] == "ModelsReady" and told["status"] == "False" and told["reason"] in _NODE_CANNOT:
            return f"{told['reason']}: {told.get('message', '')}"
    return None


def _asked(told: Planned) -> dict[str, Any]:
    """The site's time zone, and a person's request to go back."""
    return {"rollback": told.site.marks.get(ROLLBACK), "timezone": told.spec.timezone}


def _wave(told: Planned, step: Step, wanted: Target, state: RolloutStatus, pods: Mapping[str, SeenPod] | None) -> Wave:
    daemon_sets = desired_daemon_sets(told, told.classes)
    if step.template == "old" and step.old is not None:
        daemon_sets = _of_before(told, step.old)
    models = {name: _models_of(told, name, step, wanted) for name in {*told.nodes, *told.known}}
    return Wave(
        daemon_sets=daemon_sets,
        models=models,
        deletions=_deletions(told, step, daemon_sets, pods or {}),
        events=_events(step, state),
        status=step.state.wire(),
        condition=_condition(step.state),
        stalled=("GateFailed", step.state.message) if step.state.phase == "RolledBack" else None,
        next_at=step.next_at,
    )


def _of_before(told: Planned, old: Target) -> dict[str, Object]:
    """DaemonSets with the images from before; their pods carry the digest that they had."""
    images = orjson.loads(old.detail)["images"]
    classes = tuple(
        replace(known, agent_image=images[known.name][0], pipeline_image=images[known.name][1])
        if known.name in images
        else known
        for known in told.classes
    )
    sets = desired_daemon_sets(told, classes)
    for name, manifest in sets.items():
        if name in old.workloads:
            manifest["spec"]["template"]["metadata"]["annotations"][WORKLOAD] = old.workloads[name]
    return {name: sealed(manifest) for name, manifest in sets.items()}


def _models_of(told: Planned, node: str, step: Step, wanted: Target) -> Mapping[str, Any]:
    side = step.models.get(node, "kept")
    if side == "kept" and node in told.known:
        return told.known[node].models
    return _models(told, node, step.old if side == "old" and step.old else wanted)


def _models(told: Planned, node: str, target: Target) -> dict[str, Any]:
    """What the node is told of models; the digest that it had before stays named, so that it keeps that one on disk."""
    known = told.known[node].models if node in told.known else {}
    models: dict[str, Any] = {}
    for role, ref in orjson.loads(target.detail)["models"].items():
        before = known.get(role) or {}
        previous = before.get("digest") if before.get("digest") != ref.get("digest") else before.get("previousDigest")
        models[role] = {**ref, **({"previousDigest": previous} if previous else {})}
    return models


def _models_kept(told: Planned, wanted: Target) -> dict[str, Mapping[str, Any]]:
    """While nothing is decided, nodes keep the models that they have."""
    return {
        name: told.known[name].models if name in told.known else _models(told, name, wanted)
        for name in {*told.nodes, *told.known}
    }


def _deletions(
    told: Planned, step: Step, daemon_sets: Mapping[str, Object], pods: Mapping[str, SeenPod]
) -> list[Write]:
    """Pods that shall come up anew, once the server has the template that they shall come up with."""
    writes = []
    for name in step.restart:
        node, pod = told.nodes[name], pods.get(name)
        manifest = daemon_sets.get(node.told.name)
        if pod is None or manifest is None:
            continue
        seen = told.view.children.get(("DaemonSet", manifest["metadata"]["name"]))
        if seen is None or seen.applied_hash != manifest["metadata"]["annotations"][APPLIED_HASH]:
            continue
        meta = {"name": pod.name, "namespace": told.site.key.namespace, "uid": pod.uid}
        writes.append(Write("delete", kinds.PODS, {"metadata": meta}, Lane.CHILD, told.site.key, reason="wave"))
    return writes


def _events(step: Step, state: RolloutStatus) -> tuple[EventTold, ...]:
    if step.breach and step.state.message != state.message:
        return (("Warning", "RolloutFailed", step.breach),)
    now = step.state
    if now.phase == "Progressing" and state.phase == "Idle":
        return (("Normal", "RolloutStarted", now.message or f"towards {now.to_digest}"),)
    if now.phase == "Idle" and state.phase in ("Progressing", "Waiting"):
        return (("Normal", "RolloutFinished", now.message or f"all nodes run {now.to_digest}"),)
    return ()


def _condition(state: RolloutStatus) -> Told:
    if state.phase in ("Progressing", "Waiting"):
        return Told("RolloutProgressing", "True", state.phase, state.message)
    reason = "GateFailed" if state.phase == "RolledBack" else "Idle"
    return Told("RolloutProgressing", "False", reason, state.message)
