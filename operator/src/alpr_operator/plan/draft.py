"""A plan in the making: every change of a camera's place goes through here, so that books and promises agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from alpr_operator.plan.board import Board, Seat
from alpr_operator.plan.facts import CameraFacts, Held, Move, NodeFacts, Policy, Reason, Released, Why
from alpr_operator.plan.past import Past


class Draft:
    """The answer so far.

    Attributes:
        placed: camera → where it is.
        entries: camera → its releases that stay on the server.
        waiting: cameras that are expected somewhere but whose last node has yet to let go → its entry.
    """

    def __init__(
        self,
        nodes: Iterable[NodeFacts],
        known: Mapping[str, Past],
        policy: Policy,
        now: datetime,
        revisions: Mapping[str, int],
    ) -> None:
        self.board = Board(nodes, policy)
        self.known = known
        self.policy = policy
        self.now = now
        self._revisions = revisions
        self.placed: dict[str, Held] = {}
        self.entries: dict[str, list[Released]] = {}
        self.moves: list[Move] = []
        self.arrived: dict[str, Literal["failover", "moved"]] = {}
        self.waiting: dict[str, Released] = {}
        self.reasons: dict[str, Reason] = {}

    def has_let_go(self, entry: Released) -> bool:
        """Whether the node of `entry` serves that camera no longer, or can be taken to."""
        seat = self.board.seats.get(entry.node)
        if seat is None or self.is_lost(seat):
            return True
        made_now = entry not in self.known[entry.camera].entries  # nobody has acknowledged what is not written yet
        return not made_now and seat.facts.applied_revision >= entry.revision

    def is_lost(self, seat: Seat) -> bool:
        """Whether the node is gone, or has been away for so long that its cameras may be served elsewhere."""
        facts = seat.facts
        if not facts.exists:
            return True
        if facts.ready or facts.offline_since is None or not self.policy.failover_enabled:
            return False
        return self.now - facts.offline_since >= self.policy.failover_after

    def keep(self, camera: CameraFacts, held: Held) -> None:
        """`camera` stays; where its node is another machine of the same name, under a new epoch."""
        seat = self.board.seats[held.node]
        uid = seat.facts.uid or held.node_uid
        if held.node_uid and uid != held.node_uid:
            held = replace(held, epoch=self.known[camera.name].epoch + 1)
        self.placed[camera.name] = replace(held, node_uid=uid)
        seat.keep(camera)

    def release(self, camera: CameraFacts, target: Seat | None, why: Why | None) -> None:
        """Take `camera` off its node, on the way to `target`; at once there where nobody can still serve it.

        Its seat must have been left by `leave` before; `target` is filled here. No `why`: it was switched off.
        """
        held = self.known[camera.name].held  # as the server has it: `placed` may have a new epoch that was never told
        if held is None:
            return
        self.placed.pop(camera.name, None)
        to = target.name if target else None
        revision = self._revisions.get(held.node, 0) + 1
        entry = Released(camera.name, camera.uid, held.node, held.epoch, to, self.now, revision)
        older = [one for one in self.known[camera.name].entries if one.node != held.node]
        self.entries[camera.name] = [entry, *older]
        if why is not None:
            self.moves.append(Move(camera.name, held.node, to, why))
        if target is not None:
            self._deliver(camera, target, [one for one in self.entries[camera.name] if not self.has_let_go(one)])

    def leave(self, camera: CameraFacts, seat: Seat) -> None:
        """Free the room that `camera` has on its node."""
        seat.remove(camera)
        self.placed.pop(camera.name, None)

    def send(self, camera: CameraFacts, target: Seat | None) -> None:
        """Give a camera that nobody holds to `target`, or write down that it is expected there."""
        to = target.name if target else None
        known = self.known[camera.name].entries
        holding = [entry for entry in known if not self.has_let_go(entry)]
        self.entries[camera.name] = [replace(entry, to=to) for entry in known]
        if target is not None:
            self._deliver(camera, target, holding)

    def _deliver(self, camera: CameraFacts, target: Seat, holding: list[Released]) -> None:
        target.add(camera)
        entries = self.entries.get(camera.name, [])
        holding = [entry for entry in holding if entry.node != target.name]
        if holding:
            self.waiting[camera.name] = holding[0]
            return
        past = self.known[camera.name]
        facts = target.facts
        self.placed[camera.name] = Held(camera.name, camera.uid, target.name, facts.uid, past.epoch + 1, self.now)
        left = entries[0].node if entries else past.last_node
        if left is not None and left != target.name:
            source = self.board.seats.get(left)
            self.arrived[camera.name] = "failover" if source is None or self.is_lost(source) else "moved"

    def drop(self, camera: CameraFacts) -> None:
        """Settle the books of a camera that is switched off: its node must let go, and its epoch must not be lost."""
        past = self.known[camera.name]
        if past.held is not None:
            self.release(camera, None, None)
            return
        kept = [entry for entry in past.entries if not self.has_let_go(entry) or entry.epoch > camera.epoch]
        self.entries[camera.name] = [replace(entry, to=None) for entry in kept]
