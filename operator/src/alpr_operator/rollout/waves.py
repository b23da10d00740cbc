"""Who has changed, who changes, and who is next. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from alpr_operator.rollout.facts import RolloutNode, Target
from alpr_operator.rollout.gates import LOST_AFTER
from alpr_schemas.resources import Rollout, RolloutStep, seconds

_ALL: Final = RolloutStep(percent=100)
DEFAULT_STEPS: Final = (RolloutStep(nodes=1), RolloutStep(percent=10), RolloutStep(percent=50), _ALL)


def steps_of(policy: Rollout) -> tuple[RolloutStep, ...]:
    """The waves; the last one always takes all nodes."""
    if policy.strategy == "AllAtOnce":
        return (_ALL,)
    steps = policy.steps or DEFAULT_STEPS
    return steps if steps[-1].percent == 100 else (*steps, RolloutStep(percent=100, soak=steps[-1].soak))


def soak_of(step: RolloutStep) -> timedelta:
    """How long a wave is watched."""
    return timedelta(seconds=seconds(step.soak))


def size_of(step: RolloutStep, nodes: int) -> int:
    """How many of `nodes` shall have changed by the end of `step`: at least one, and never more than there are."""
    if step.nodes is None and step.percent is None:
        return nodes
    return min(nodes, step.nodes or max(1, math.ceil(nodes * (step.percent or 0) / 100)))


@dataclass(frozen=True, slots=True)
class Ranks:
    """The nodes of a site by where they stand in a change; each list by name.

    Attributes:
        updated: ready, and up with the new state.
        changing: ready, told to change, not up yet.
        away: told, and offline for less than ten minutes: waited for.
        lost: told, and offline for longer, or nobody knows for how long.
        next: ready and not told yet; first those that are not on the old state either.
        offline: neither ready nor told.
    """

    updated: Sequence[RolloutNode]
    changing: Sequence[RolloutNode]
    away: Sequence[RolloutNode]
    lost: Sequence[RolloutNode]
    next: Sequence[RolloutNode]
    offline: Sequence[RolloutNode]

    @property
    def under_way(self) -> int:
        """Nodes that count as part of the waves so far."""
        return len(self.updated) + len(self.changing) + len(self.away)

    @property
    def none(self) -> bool:
        """Whether the change concerns no node."""
        return not (self.under_way or self.lost or self.next or self.offline)

    @property
    def within_reach(self) -> int:
        """Nodes that percents are of."""
        return self.under_way + len(self.next)


def ranks(nodes: Sequence[RolloutNode], wanted: Target, old: Target | None, now: datetime) -> Ranks:
    """Sort `nodes` into ranks; those for which nothing changes are in none."""
    concerned = [node for node in nodes if other_pods(node, wanted, old) or other_models(wanted, old)]
    told = [node for node in concerned if was_told(node, wanted, old)]
    others = [node for node in concerned if not was_told(node, wanted, old)]
    dark = [node for node in told if not node.ready]
    lost = [node for node in dark if node.offline_since is None or now - node.offline_since >= LOST_AFTER]
    return Ranks(
        updated=[node for node in told if node.ready and node.runs(wanted)],
        changing=[node for node in told if node.ready and not node.runs(wanted)],
        away=[node for node in dark if node not in lost],
        lost=lost,
        next=sorted((node for node in others if node.ready), key=lambda node: _is_at(node, old)),
        offline=[node for node in others if not node.ready],
    )


def was_told(node: RolloutNode, wanted: Target, old: Target | None) -> bool:
    """Whether `node` has begun to change: by its pod, or, where only models change, by its assignment."""
    told_models = node.told_models == wanted.models and other_models(wanted, old)
    if other_pods(node, wanted, old):
        return node.has_pod_of(wanted) or (node.workload is None and told_models)
    return told_models


def _is_at(node: RolloutNode, target: Target | None) -> bool:
    return target is not None and node.has_pod_of(target) and node.told_models == target.models


def other_models(wanted: Target, old: Target | None) -> bool:
    """Whether nodes need other models for `wanted` than for `old`."""
    return old is None or old.models != wanted.models


def other_pods(node: RolloutNode, wanted: Target, old: Target | None) -> bool:
    """Whether `node` needs another pod for `wanted` than for `old`."""
    if node.node_class not in wanted.workloads:
        return False
    return old is None or old.workloads.get(node.node_class) != wanted.workloads[node.node_class]


def free_restarts(nodes: Sequence[RolloutNode], target: Target, policy: Rollout) -> int:
    """How many pods may be taken down now: `maxUnavailable` less those that are on their way up.

    A pod that is not ready for a reason of its own is no part of this: the change may be what mends it.
    """
    if policy.strategy == "AllAtOnce":
        return len(nodes)
    coming = [node for node in nodes if node.ready and (node.workload is None or _coming_up(node, target))]
    return max(0, policy.max_unavailable - len(coming))


def _coming_up(node: RolloutNode, target: Target) -> bool:
    return not node.pod_ready and node.has_pod_of(target)


def restarts(nodes: Sequence[RolloutNode], target: Target, free: int) -> tuple[str, ...]:
    """Which of `nodes` get their pod deleted now: those that are down already, and `free` others."""
    due = [node for node in nodes if node.ready and node.workload is not None and not node.has_pod_of(target)]
    down = [node for node in due if not node.pod_ready]
    up = [node for node in due if node.pod_ready]
    return tuple(sorted(node.name for node in [*down, *up[:free]]))
