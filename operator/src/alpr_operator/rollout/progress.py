"""One look at a rollout that is on: judge what has changed, wait or go on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alpr_operator.rollout.facts import RolloutNode, Target
from alpr_operator.rollout.gates import (
    LOST_AFTER,
    STUCK_AFTER,
    breaches,
    judged_from,
    losses,
    refusals,
    stuck,
)
from alpr_operator.rollout.waves import Ranks, free_restarts, ranks, restarts, size_of, soak_of, steps_of
from alpr_operator.rollout.windows import next_opening, zone_of
from alpr_schemas.resources import Rollout, RolloutStatus, RolloutStep

_CLOCK: Final = "%a %H:%M"


@dataclass(frozen=True, slots=True)
class Progress:
    """What came of it.

    Attributes:
        told: nodes that have the new state, get it, or get it now.
        restart: nodes whose pod is to be deleted.
        finished: the last wave has soaked.
        breach: why it must not go on.
    """

    state: RolloutStatus
    told: Sequence[RolloutNode]
    restart: tuple[str, ...]
    next_at: datetime | None
    finished: bool
    breach: str | None


def progress(
    state: RolloutStatus,
    wanted: Target,
    old: Target | None,
    policy: Rollout,
    nodes: Sequence[RolloutNode],
    now: datetime,
    timezone: str,
) -> Progress:
    """Look at `nodes` and take the rollout of `wanted` one step on, if one is due."""
    look = _Look(wanted, old, policy, nodes, now, timezone, ranks(nodes, wanted, old, now))
    breach = look.breach(state)
    if breach is not None:
        halted = _halted(state, breach, known=old is not None)
        return Progress(halted, look.told, (), look.next_at(state), finished=False, breach=breach)
    state, step = look.step_due(state)
    if step is None:
        done = state.model_copy(update={"phase": "Idle", "step_started_at": None, "message": ""})
        return Progress(done, look.told, (), None, finished=True, breach=None)
    return look.go_on(state, step)


def _halted(state: RolloutStatus, breach: str, *, known: bool) -> RolloutStatus:
    message = breach if known else f"{breach}; the state before is not known, so there is none to go back to"
    return state.model_copy(update={"phase": "Waiting", "message": message[:1024]})


@dataclass(frozen=True, slots=True)
class _Look:
    """All that one look works with."""

    wanted: Target
    old: Target | None
    policy: Rollout
    nodes: Sequence[RolloutNode]
    now: datetime
    timezone: str
    ranks: Ranks

    @property
    def told(self) -> Sequence[RolloutNode]:
        return [*self.ranks.updated, *self.ranks.changing]

    def breach(self, state: RolloutStatus) -> str | None:
        """What forbids to go on."""
        step = _step(state, self.policy)
        ripe = [node for node in self.ranks.updated if self._is_ripe(node, state, step)]
        return (
            breaches(ripe, self.policy.gates)
            or refusals(node for node in self.told if not self._lacks_word(node))
            or losses(self.ranks.lost, [node for node in self.nodes if node.ready], len(self.ranks.updated))
            or stuck(self._their_turn, state.changed_at, self.now)
        )

    @property
    def _their_turn(self) -> Sequence[RolloutNode]:
        """Nodes that were told all, or whose pod does not come up; the others wait for a word of ours."""
        return [node for node in self.ranks.changing if not (node.pod_ready and self._lacks_word(node))]

    def _lacks_word(self, node: RolloutNode) -> bool:
        return node.has_pod_of(self.wanted) and node.told_models != self.wanted.models

    def _is_ripe(self, node: RolloutNode, state: RolloutStatus, step: RolloutStep) -> bool:
        ripe_at = judged_from(node, state.step_started_at, soak_of(step))
        return ripe_at is not None and ripe_at <= self.now

    def step_due(self, state: RolloutStatus) -> tuple[RolloutStatus, RolloutStep | None]:
        """The wave that is on now; None after the last one. Waves that would add no node are passed over."""
        steps = steps_of(self.policy)
        if self.ranks.none:
            return state, None
        state = state.model_copy(update={"step": min(state.step, len(steps) - 1)})
        while state.step < len(steps):
            step = steps[state.step]
            if not self._is_complete(step):
                return state.model_copy(update={"step_started_at": None}), step
            if state.step_started_at is None:
                state = state.model_copy(update={"step_started_at": self.now})
            if state.step_started_at is not None and self.now < state.step_started_at + soak_of(step):
                return state, step
            state = self._following(state, steps)
        return state, None

    def _is_complete(self, step: RolloutStep) -> bool:
        there = self.ranks
        all_up = not there.changing and not there.away and bool(there.updated)
        return all_up and there.under_way >= size_of(step, there.within_reach)

    def _following(self, state: RolloutStatus, steps: Sequence[RolloutStep]) -> RolloutStatus:
        """`state` at the next wave that adds a node, or behind the last."""
        index = state.step + 1
        while index < len(steps) and size_of(steps[index], self.ranks.within_reach) <= self.ranks.under_way:
            index += 1
        return state.model_copy(update={"step": index, "step_started_at": None})

    def go_on(self, state: RolloutStatus, step: RolloutStep) -> Progress:
        """Let as many nodes change as the wave lacks."""
        lacking = size_of(step, self.ranks.within_reach) - self.ranks.under_way
        ready_to_go = [node for node in self.ranks.next if node.pulled]
        opens = next_opening(self.policy.windows, self.timezone, self.now)
        chosen = ready_to_go[: max(0, lacking)] if opens == self.now else []
        down = restarts(
            [*self.ranks.changing, *chosen], self.wanted, free_restarts(self.nodes, self.wanted, self.policy)
        )
        phase, message = self._in_words(lacking, chosen, opens)
        told = [*self.told, *chosen]
        came_up = sum(node.runs(self.wanted) for node in self.nodes) > state.updated
        goes_on = came_up or down or any(self._lacks_word(node) for node in told)
        changed_at = self.now if goes_on else state.changed_at
        state = state.model_copy(update={"phase": phase, "message": message, "changed_at": changed_at})
        closed = opens if lacking > 0 and opens != self.now else None
        return Progress(state, told, down, self.next_at(state, closed), finished=False, breach=None)

    def _in_words(self, lacking: int, chosen: Sequence[RolloutNode], opens: datetime | None) -> tuple[str, str]:
        """Phase and message."""
        there = self.ranks
        if not (there.updated or there.changing or there.next):
            return "Waiting", "no node is ready"
        if there.changing or chosen or (lacking <= 0 and not there.away):
            return "Progressing", ""
        if there.away:
            return "Waiting", f"node {there.away[0].name} went offline when it changed; waiting for it"
        if opens is None:
            return "Waiting", "no window opens within a week; see spec.rollout.windows"
        if opens != self.now:
            when = opens.astimezone(zone_of(self.timezone))
            return "Waiting", f"waiting for the window that opens {when.strftime(_CLOCK)} ({self.timezone})"
        return "Waiting", f"node {there.next[0].name} has not pulled its image yet"

    def next_at(self, state: RolloutStatus, opens: datetime | None = None) -> datetime | None:
        """When time alone brings something new."""
        moments = [*self._moments(state), *([opens] if opens else [])]
        return min((moment for moment in moments if moment > self.now), default=None)

    def _moments(self, state: RolloutStatus) -> Iterator[datetime]:
        step = _step(state, self.policy)
        if state.step_started_at is not None:
            yield state.step_started_at + soak_of(step)
        if self.ranks.changing and state.changed_at is not None:
            yield state.changed_at + STUCK_AFTER
        for node in self.ranks.away:
            yield (node.offline_since or self.now) + LOST_AFTER
        for node in self.ranks.updated:
            ripe_at = judged_from(node, state.step_started_at, soak_of(step))
            if ripe_at is not None:
                yield ripe_at


def _step(state: RolloutStatus, policy: Rollout) -> RolloutStep:
    steps = steps_of(policy)
    return steps[min(state.step, len(steps) - 1)]
