"""The pass itself: see the package's docstring for its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from alpr_operator.plan.balancing import rebalance
from alpr_operator.plan.board import order_of
from alpr_operator.plan.draft import Draft
from alpr_operator.plan.facts import CameraFacts, Held, NodeFacts, Plan, Policy, Released
from alpr_operator.plan.past import Budget, Past, moved_at, pasts
from alpr_operator.plan.placing import Leaving, Placing, shed, why_leave
from alpr_operator.plan.reasons import DISABLED, no_place, releasing


def plan(
    cameras: Sequence[CameraFacts],
    nodes: Sequence[NodeFacts],
    held: Sequence[Held],
    released: Sequence[Released],
    policy: Policy,
    now: datetime,
    revisions: Mapping[str, int],
) -> Plan:
    """Where each of `cameras` shall be served.

    `cameras` and `nodes` have different names each. A node that `held` or `released` name and that `nodes` lack counts
    as gone. `revisions` are those that the nodes' assignments have now: what is released here goes with the next one.
    The order of all sequences is without effect.
    """
    known = pasts(cameras, held, released)
    draft = Draft([*nodes, *_gone(nodes, known)], known, policy, now, revisions)
    budget = Budget(policy.max_moves_per_minute, moved_at(cameras, known), now)
    on = [camera for camera in cameras if camera.enabled]
    placing = Placing(draft, budget)
    _take_stock(draft, placing, on)
    for camera in cameras:
        if not camera.enabled:
            draft.drop(camera)
    placing.run()
    if (policy.rebalance or not policy.sticky) and not budget.blocked:
        rebalance(draft, budget)
    return _answer(draft, budget, cameras, placing.stuck)


def _gone(nodes: Sequence[NodeFacts], known: Mapping[str, Past]) -> list[NodeFacts]:
    """Nodes that are only remembered."""
    uids: dict[str, str] = {}
    for past in known.values():
        uids.update((entry.node, "") for entry in past.entries if entry.node not in uids)
        if past.held is not None:
            uids[past.held.node] = past.held.node_uid
    there = {node.name for node in nodes}
    return [
        NodeFacts(name, uid, units=0, labels={}, ready=False, offline_since=None, exists=False)
        for name, uid in uids.items()
        if name not in there
    ]


def _take_stock(draft: Draft, placing: Placing, cameras: Sequence[CameraFacts]) -> None:
    """Who stays, who is already on the way, and who stands in the queue: nobody at a dark site."""
    held = [(camera, past.held) for camera in cameras if (past := draft.known[camera.name]).held is not None]
    if draft.board.dark:
        for camera, one in held:
            draft.keep(camera, one)
        return
    out = {camera.name for camera, _ in shed(draft, held)}
    for camera, one in held:
        if camera.name in out:
            placing.add(camera, Leaving(draft.board.seats[one.node], "shed", forced=True))
            continue
        draft.keep(camera, one)
        why, seat = why_leave(draft, camera, one), draft.board.seats[one.node]
        if why is not None:
            placing.add(camera, Leaving(seat, why))
    for camera in sorted(cameras, key=order_of):
        past = draft.known[camera.name]
        if past.held is None:
            _on_the_way(draft, placing, camera, past)


def _on_the_way(draft: Draft, placing: Placing, camera: CameraFacts, past: Past) -> None:
    """A place that was promised is kept free; a camera without one stands in the queue."""
    promised = draft.board.place_at(past.entries[0].to if past.entries else None, camera)
    if promised is not None:
        draft.send(camera, promised)
    else:
        placing.add(camera)


def _answer(draft: Draft, budget: Budget, cameras: Sequence[CameraFacts], stuck: Sequence[CameraFacts]) -> Plan:
    unplaced = {camera.name: DISABLED for camera in cameras if not camera.enabled}
    unplaced |= {name: releasing(entry) for name, entry in draft.waiting.items()}
    without = [camera for camera in cameras if camera.enabled and camera.name not in draft.placed]
    for camera in [*without, *stuck]:
        if camera.name not in unplaced:
            unplaced[camera.name] = no_place(camera, draft.board, draft.policy.reserve_percent)
    moves = sorted(draft.moves, key=lambda move: move.camera)
    moments = [moment for moment in (budget.free_at, _next_failover(draft)) if moment is not None]
    return Plan(
        placed=dict(sorted(draft.placed.items())),
        released=_kept_entries(draft),
        unplaced=dict(sorted(unplaced.items())),
        moves=tuple(moves),
        arrived=dict(sorted(draft.arrived.items())),
        next_at=min(moments) if moments else None,
        settled=not (moves or draft.waiting or budget.blocked),
    )


def _kept_entries(draft: Draft) -> tuple[Released, ...]:
    """Entries until the camera is seen elsewhere, under a higher epoch."""
    kept: list[Released] = []
    for name, past in draft.known.items():
        seen_epoch = past.held.epoch if past.held else 0
        newest: dict[str, Released] = {}
        for entry in draft.entries.get(name, past.entries):
            before = newest.get(entry.node)
            if entry.epoch >= seen_epoch and (before is None or before.epoch < entry.epoch):
                newest[entry.node] = entry
        kept += newest.values()
    return tuple(sorted(kept, key=lambda entry: (entry.node, entry.camera, entry.epoch)))


def _next_failover(draft: Draft) -> datetime | None:
    """When the next node counts as lost, of those on which something depends."""
    if draft.board.dark or not draft.policy.failover_enabled:
        return None
    nodes = {one.node for one in draft.placed.values()} | {entry.node for entry in draft.waiting.values()}
    due = [
        facts.offline_since + draft.policy.failover_after
        for facts in (draft.board.seats[name].facts for name in nodes)
        if facts.exists and not facts.ready and facts.offline_since is not None
    ]
    return min((moment for moment in due if moment > draft.now), default=None)
