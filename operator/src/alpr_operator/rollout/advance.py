"""The state machine: see the package's docstring for its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from alpr_operator.rollout.facts import Models, RolloutNode, Step, Target
from alpr_operator.rollout.progress import progress
from alpr_operator.rollout.waves import free_restarts, other_pods, restarts
from alpr_operator.rollout.windows import is_open, next_opening
from alpr_schemas.resources import Rollout, RolloutStatus


def advance(
    state: RolloutStatus | None,
    wanted: Target,
    policy: Rollout,
    nodes: Sequence[RolloutNode],
    now: datetime,
    *,
    timezone: str = "UTC",
    rollback: str | None = None,
) -> Step:
    """What to do for `wanted`, the state that the spec asks for.

    `state` is `status.rollout` as the last pass left it, None for a site that never had one; `timezone` that of the
    windows (UTC where there is no such zone); `rollback` the digest of a state that a person wants to go back from,
    without effect for any other. The order of `nodes` is without effect.
    """
    nodes = sorted(nodes, key=lambda node: node.name)
    turned = _turned(state or RolloutStatus(), wanted, nodes, now)
    asked = rollback == wanted.digest == turned.to_digest and turned.phase != "RolledBack"
    if asked and Target.unpack(turned.from_state) is not None:
        turned = _rolled_back(turned, wanted, "rolled back on request")
    match turned.phase:
        case "Idle":
            step = _catch_up(turned, wanted, policy, nodes, now, timezone)
        case "RolledBack":
            step = _go_back(turned, wanted, policy, nodes, None)
        case _:
            step = _roll(turned, wanted, policy, nodes, now, timezone)
    if asked and turned.phase != "RolledBack":
        return replace(step, state=_with(step.state, message="no state before this one is known: cannot roll back"))
    return step


def _turned(state: RolloutStatus, wanted: Target, nodes: Sequence[RolloutNode], now: datetime) -> RolloutStatus:
    """`state` with what the spec asks for taken in."""
    if wanted.digest == state.to_digest:
        return _with(state, to_state=wanted.pack())
    if state.to_digest is None:
        return RolloutStatus(to_digest=wanted.digest, to_state=wanted.pack())
    if state.phase == "Idle":
        if _changes_nothing(Target.unpack(state.to_state), wanted, nodes):
            return _with(state, to_digest=wanted.digest, to_state=wanted.pack())
        return _started(state.to_digest, state.to_state, wanted, now)
    if wanted.digest == state.from_digest:
        message = state.message if state.failed_digest else "the spec is again what it was before"
        return _with(state, phase="RolledBack", message=message)
    return _started(state.from_digest, state.from_state, wanted, now)


def _changes_nothing(before: Target | None, wanted: Target, nodes: Sequence[RolloutNode]) -> bool:
    """Whether no node has anything to lose: none runs anything yet, or what differs concerns none of them."""
    if all(node.fresh for node in nodes):
        return True
    if before is None or before.models != wanted.models:
        return False
    return not any(node.node_class in before.workloads and other_pods(node, wanted, before) for node in nodes)


def _started(digest: str | None, packed: str | None, wanted: Target, now: datetime) -> RolloutStatus:
    return RolloutStatus(
        phase="Progressing",
        from_digest=digest,
        from_state=packed,
        to_digest=wanted.digest,
        to_state=wanted.pack(),
        started_at=now,
        changed_at=now,
    )


def _catch_up(
    state: RolloutStatus,
    wanted: Target,
    policy: Rollout,
    nodes: Sequence[RolloutNode],
    now: datetime,
    timezone: str,
) -> Step:
    """No wave is on: nodes that were away, or came with something else, get what all have."""
    behind = [node for node in nodes if not node.runs(wanted)]
    opens = next_opening(policy.windows, timezone, now)
    late = [node for node in behind if node.ready and not node.fresh]
    may_change = is_open(policy.windows, timezone, now)
    down = restarts(late, wanted, free_restarts(nodes, wanted, policy)) if may_change else ()
    changing = [node for node in late if may_change and node.has_pod_of(wanted)]
    due = {node.name for node in nodes if node in changing or node.fresh or node.told_models == wanted.models}
    offline = sum(not node.ready for node in behind)
    message = f"{offline} offline {'node follows' if offline == 1 else 'nodes follow'} on return" if offline else ""
    return Step(
        state=_with(state, updated=len(nodes) - len(behind), total=len(nodes), message=message),
        template="new",
        old=Target.unpack(state.from_state),
        models={node.name: "new" if node.name in due else "kept" for node in nodes},
        restart=down,
        next_at=opens if late and opens != now else None,
        breach=None,
    )


def _roll(
    state: RolloutStatus,
    wanted: Target,
    policy: Rollout,
    nodes: Sequence[RolloutNode],
    now: datetime,
    timezone: str,
) -> Step:
    old = Target.unpack(state.from_state)
    went = progress(state, wanted, old, policy, nodes, now, timezone)
    if went.breach is not None and policy.auto_rollback and old is not None:
        return _go_back(_rolled_back(went.state, wanted, went.breach), wanted, policy, nodes, went.breach)
    if went.finished:
        return _catch_up(went.state, wanted, policy, nodes, now, timezone)
    return Step(
        state=_counted(went.state, wanted, nodes),
        template="new",
        old=old,
        models=_models(went.told, wanted, old, nodes),
        restart=went.restart,
        next_at=went.next_at,
        breach=went.breach,
    )


def _models(
    told: Sequence[RolloutNode], wanted: Target, old: Target | None, nodes: Sequence[RolloutNode]
) -> Mapping[str, Models]:
    """Nodes that are told get the new models once their pod is the new one; the others have, or start on, the old."""
    other: Models = "old" if old is not None else "kept"
    models = {node.name: "new" if node.fresh and old is None else other for node in nodes}
    due = [node for node in told if node.has_pod_of(wanted) or node.told_models == wanted.models]
    return models | {node.name: "new" for node in due}


def _rolled_back(state: RolloutStatus, wanted: Target, message: str) -> RolloutStatus:
    return _with(state, phase="RolledBack", failed_digest=wanted.digest, message=message[:1024])


def _go_back(
    state: RolloutStatus,
    wanted: Target,
    policy: Rollout,
    nodes: Sequence[RolloutNode],
    breach: str | None,
) -> Step:
    """Every node gets the state before; offline ones find it when they are back."""
    old = Target.unpack(state.from_state)
    if old is None:  # the caller sees to it that this is known; without it there is nothing to do
        return Step(state, "new", None, {node.name: "kept" for node in nodes}, (), None, breach)
    known = [node for node in nodes if node.node_class in old.workloads]
    behind = [node for node in known if not node.runs(old)]
    counted = _with(_counted(state, wanted, nodes), step_started_at=None)
    if wanted.digest == state.from_digest:
        counted = _with(counted, updated=len(nodes) - len(behind))
        if not any(node.ready for node in behind):
            counted = RolloutStatus(
                to_digest=wanted.digest, to_state=wanted.pack(), updated=counted.updated, total=counted.total
            )
    return Step(
        state=counted,
        template="old",
        old=old,
        models={node.name: "old" for node in nodes},
        restart=restarts(behind, old, free_restarts(nodes, old, policy)),
        next_at=None,
        breach=breach,
    )


def _counted(state: RolloutStatus, wanted: Target, nodes: Sequence[RolloutNode]) -> RolloutStatus:
    return _with(state, updated=sum(node.runs(wanted) for node in nodes), total=len(nodes))


def _with(state: RolloutStatus, **changes: Any) -> RolloutStatus:
    return state.model_copy(update=changes)
