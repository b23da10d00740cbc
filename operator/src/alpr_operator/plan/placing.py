"""Who stays, who leaves, and who gets which place."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from alpr_operator.plan.board import Seat, attraction, order_of, suits
from alpr_operator.plan.draft import Draft
from alpr_operator.plan.facts import CameraFacts, Held, Why
from alpr_operator.plan.past import Budget


@dataclass(frozen=True, slots=True)
class Leaving:
    """A camera that should leave its node; `forced` has left already, whether there is a place or not."""

    source: Seat
    why: Why
    forced: bool = False


def why_leave(draft: Draft, camera: CameraFacts, held: Held) -> Why | None:
    """Why `camera` should be served elsewhere; None where it shall stay.

    A node that is not ready but not lost either keeps its cameras: it could not acknowledge that it lets go.
    """
    seat = draft.board.seats[held.node]
    if not seat.facts.exists:
        return "gone"
    if draft.is_lost(seat):
        return "failover"
    if not seat.facts.ready:
        return None
    if seat.facts.draining:
        return "drain"
    if not suits(camera, seat.facts):
        return "pin" if camera.pinned else "selector"
    return None


def shed(draft: Draft, held: Iterable[tuple[CameraFacts, Held]]) -> list[tuple[CameraFacts, Held]]:
    """Who must go from ready nodes that carry too much: whoever does not fit beside the more important ones."""
    out = []
    loads: dict[str, list[int]] = {}
    for camera, one in sorted(held, key=lambda pair: order_of(pair[0])):
        seat = draft.board.seats[one.node]
        if not (seat.facts.exists and seat.facts.ready):
            continue
        taken = loads.setdefault(one.node, [0, 0])
        if taken[0] + camera.cost > seat.units or taken[1] >= seat.facts.max_cameras:
            out.append((camera, one))
        else:
            taken[0] += camera.cost
            taken[1] += 1
    return out


class Placing:
    """The queue of cameras that need a place, the most important first."""

    def __init__(self, draft: Draft, budget: Budget) -> None:
        self._draft = draft
        self._board = draft.board
        self._budget = budget
        self._queue: list[tuple[tuple[int, int, str], CameraFacts]] = []
        self._leaving: dict[str, Leaving] = {}
        self.stuck: list[CameraFacts] = []

    def add(self, camera: CameraFacts, leaving: Leaving | None = None) -> None:
        """`camera` needs a place; `leaving` where it has one that it should not keep."""
        queued = camera.name in self._leaving  # who waits to leave and is displaced meanwhile keeps its turn
        if leaving is not None:
            self._leaving[camera.name] = leaving
        if not queued:
            heapq.heappush(self._queue, (order_of(camera), camera))

    def run(self) -> None:
        """Give out places until nobody waits for one who could get one."""
        while self._queue:
            _, camera = heapq.heappop(self._queue)
            leaving = self._leaving.get(camera.name)
            if leaving is None:
                self._settle_free(camera)
            elif leaving.forced:
                self._settle_forced(camera, leaving)
            else:
                self._settle_leaver(camera, leaving)

    def _settle_free(self, camera: CameraFacts) -> None:
        target = self._preferred(camera) or self._board.best_for(camera) or self._displace(camera, 0)
        if target is None:
            self.stuck.append(camera)
        self._draft.send(camera, target)

    def _settle_forced(self, camera: CameraFacts, leaving: Leaving) -> None:
        target = self._board.best_for(camera) or self._displace(camera, 0)
        if target is None:
            self.stuck.append(camera)
        self._draft.release(camera, target, leaving.why)

    def _settle_leaver(self, camera: CameraFacts, leaving: Leaving) -> None:
        target = self._board.best_for(camera, besides=leaving.source)
        if target is not None and not self._budget.take([camera.name]):
            target.add(camera)  # nobody else shall have the place that it gets when moves are free again
            return
        if target is None:
            target = self._displace(camera, 1)
        if target is None:
            self.stuck.append(camera)
            if leaving.why != "gone":
                return
        self._draft.leave(camera, leaving.source)
        self._draft.release(camera, target, leaving.why)

    def _preferred(self, camera: CameraFacts) -> Seat | None:
        past = self._draft.known[camera.name]
        if past.held is not None:
            return None
        return self._board.place_at(past.last_node or camera.last_node, camera)

    def _displace(self, camera: CameraFacts, own_moves: int) -> Seat | None:
        """Make room for `camera` by taking less important ones off one node; None where that does not help."""
        ways = [(seat, names) for seat in self._board.suiting(camera) if (names := _in_the_way(camera, seat))]
        ways = [(seat, victims) for seat, victims in ways if self._budget.could_ever(len(victims) + own_moves)]
        if not ways:
            return None
        seat, victims = min(ways, key=lambda way: _harm(camera, *way))
        movers = [victim.name for victim in victims] + ([camera.name] if own_moves else [])
        if not self._budget.take(movers):
            return None
        for victim in victims:
            self._draft.leave(victim, seat)
            self.add(victim, Leaving(seat, "displaced", forced=True))
        return seat


def _in_the_way(camera: CameraFacts, seat: Seat) -> list[CameraFacts]:
    """The least important cameras of `seat` whose going makes room for `camera`; empty where that does not suffice."""
    lower = [other for other in seat.staying.values() if other.priority < camera.priority]
    lower.sort(key=lambda other: (other.priority, -other.cost, other.name))
    excess = seat.load + camera.cost - seat.limit
    too_many = seat.count + 1 - seat.facts.max_cameras
    victims: list[CameraFacts] = []
    for other in lower:
        if excess <= 0 and too_many <= 0:
            break
        victims.append(other)
        excess -= other.cost
        too_many -= 1
    if excess > 0 or too_many > 0:
        return []
    for other in reversed(tuple(victims)):  # who was taken for nothing, because a larger one came later, stays
        if excess + other.cost <= 0 and too_many < 0:
            victims.remove(other)
            excess += other.cost
            too_many += 1
    return victims


def _harm(camera: CameraFacts, seat: Seat, victims: list[CameraFacts]) -> tuple[int, int, int, bytes]:
    most = max(victim.priority for victim in victims)
    return (most, len(victims), sum(victim.cost for victim in victims), attraction(camera, seat))
