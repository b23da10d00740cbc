"""Whether nodes are well with a new state. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from alpr_operator.rollout.facts import RolloutNode
from alpr_schemas.resources import Gates, ReportedGates

SETTLE: Final = timedelta(minutes=1)
"""What a node has to connect its cameras and report before it is judged."""

STUCK_AFTER: Final = timedelta(minutes=30)
"""How long nothing may go on while nodes are changing: fetching an image over a thin line takes its time."""

LOST_AFTER: Final = timedelta(minutes=10)
"""How long a node that went offline while it changed is waited for."""


def judged_from(node: RolloutNode, came_up: datetime | None, soak: timedelta) -> datetime | None:
    """When `node` can be judged; `came_up` is when all of its wave had, for nodes that do not say it of themselves."""
    since = node.since or came_up
    return since + min(SETTLE, soak / 2) if since is not None else None


def breaches(nodes: Iterable[RolloutNode], gates: Gates) -> str | None:
    """What is wrong with the first of `nodes` that breaks a gate, and how many more do."""
    broken = [(node.name, told) for node in nodes if node.gates and (told := next(_broken(node.gates, gates), None))]
    if not broken:
        return None
    name, told = min(broken)
    return f"node {name}: {told}{_more(len(broken) - 1)}"


def _broken(seen: ReportedGates, gates: Gates) -> Iterator[str]:
    if _below(seen.self_test, gates.self_test_score):
        yield f"self-test {seen.self_test:.2f}, gate {gates.self_test_score:.2f}"
    if _below(seen.fps_ratio, gates.min_fps_ratio):
        yield f"frames {seen.fps_ratio:.2f} of asked, gate {gates.min_fps_ratio:.2f}"
    if _below(gates.max_error_ratio, seen.error_ratio):
        yield f"{seen.error_ratio:.2f} of its cameras do not stream, gate {gates.max_error_ratio:.2f}"
    if _below(seen.read_ratio, gates.min_read_ratio):
        yield f"readings {seen.read_ratio:.2f} of those before, gate {gates.min_read_ratio:.2f}"


def _below(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value < limit


def refusals(nodes: Iterable[RolloutNode]) -> str | None:
    """What the first of `nodes` that cannot take the new state says."""
    refusing = sorted((node.name, node.problem) for node in nodes if node.problem)
    return f"node {refusing[0][0]}: {refusing[0][1]}{_more(len(refusing) - 1)}" if refusing else None


def losses(lost: Sequence[RolloutNode], ready: Sequence[RolloutNode], came_up: int) -> str | None:
    """Whether the change itself seems to take nodes down: two at least, and more than came up.

    Only nodes that went while another stayed are counted: a site without power is no fault of the change.
    """
    alone = [node for node in lost if any(_stayed(witness, node) for witness in ready)]
    if len(alone) < 2 or len(alone) <= came_up:
        return None
    names = ", ".join(node.name for node in alone[:5])
    return f"{len(alone)} nodes went offline when they changed ({names}), {came_up} came up"


def _stayed(witness: RolloutNode, gone: RolloutNode) -> bool:
    if witness.ready_since is None or gone.offline_since is None:
        return True
    return witness.ready_since <= gone.offline_since


def stuck(changing: Sequence[RolloutNode], changed_at: datetime | None, now: datetime) -> str | None:
    """Whether nothing has gone on for too long."""
    if not changing or changed_at is None or now - changed_at < STUCK_AFTER:
        return None
    minutes = int(STUCK_AFTER.total_seconds() // 60)
    return f"node {changing[0].name} has not come up with it in {minutes} minutes{_more(len(changing) - 1)}"


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""
