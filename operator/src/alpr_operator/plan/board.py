"""The site's nodes while they are filled: what is free where, and which place suits a camera."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from alpr_operator.plan.facts import CameraFacts, NodeFacts, Policy


class Seat:
    """One node with what it carries in this plan.

    Attributes:
        limit: units that new placements may fill.
        load: units taken: cameras that stay, that come, and that are expected.
        count: cameras, in the same sense.
        staying: cameras that the node holds and keeps.
    """

    __slots__ = ("count", "facts", "limit", "load", "name", "open", "staying", "units")

    def __init__(self, facts: NodeFacts, policy: Policy) -> None:
        self.facts = facts
        self.name = facts.name
        self.units = facts.units
        self.limit = facts.units * (100 - policy.reserve_percent) // 100
        self.open = facts.exists and facts.ready and not facts.draining
        self.load = 0
        self.count = 0
        self.staying: dict[str, CameraFacts] = {}

    @property
    def share(self) -> float:
        """Load as a share of the units."""
        return self.load / self.units if self.units else 1.0

    def add(self, camera: CameraFacts) -> None:
        """Take up `camera`, or expect it."""
        self.load += camera.cost
        self.count += 1

    def remove(self, camera: CameraFacts) -> None:
        """Undo `add`; the camera stays no longer."""
        self.load -= camera.cost
        self.count -= 1
        self.staying.pop(camera.name, None)

    def keep(self, camera: CameraFacts) -> None:
        """Go on holding `camera`."""
        self.add(camera)
        self.staying[camera.name] = camera

    def has_room(self, camera: CameraFacts) -> bool:
        """Whether `camera` fits as a new placement."""
        return self.load + camera.cost <= self.limit and self.count < self.facts.max_cameras


def order_of(camera: CameraFacts) -> tuple[int, int, str]:
    """Who is served first: priority, then cost (large ones are hard to place), then name."""
    return (-camera.priority, -camera.cost, camera.name)


def suits(camera: CameraFacts, node: NodeFacts) -> bool:
    """Whether `camera` may be served by `node`, whatever is free there."""
    if camera.pinned is not None and camera.pinned != node.name:
        return False
    return all(node.labels.get(key) == value for key, value in camera.selector)


def attraction(camera: CameraFacts, seat: Seat) -> bytes:
    """Rendezvous hash: each camera's own order of all nodes; a node that joins is the first for 1 of n cameras."""
    return hashlib.blake2b(f"{camera.uid}\0{seat.name}".encode(), digest_size=8).digest()


class Board:
    """All nodes of the site."""

    def __init__(self, nodes: Iterable[NodeFacts], policy: Policy) -> None:
        self._spread = policy.spread
        self.seats = {node.name: Seat(node, policy) for node in sorted(nodes, key=lambda node: node.name)}
        self.there = [seat for seat in self.seats.values() if seat.facts.exists]
        self.open = [seat for seat in self.there if seat.open]
        self._suiting: dict[tuple[str | None, tuple[tuple[str, str], ...]], list[Seat]] = {}

    @property
    def dark(self) -> bool:
        """Whether no node is there and ready."""
        return not any(seat.facts.ready for seat in self.there)

    def suiting(self, camera: CameraFacts) -> list[Seat]:
        """Open nodes that may serve `camera`, by name."""
        key = (camera.pinned, camera.selector)
        if key not in self._suiting:
            self._suiting[key] = [seat for seat in self.open if suits(camera, seat.facts)]
        return self._suiting[key]

    def place_at(self, node: str | None, camera: CameraFacts) -> Seat | None:
        """The seat `node` where it is open, suits `camera` and has room."""
        seat = self.seats.get(node) if node is not None else None
        if seat is None or not seat.open or not suits(camera, seat.facts):
            return None
        return seat if seat.has_room(camera) else None

    def best_for(self, camera: CameraFacts, *, besides: Seat | None = None) -> Seat | None:
        """The best place for `camera`; None where it fits nowhere."""
        cost, best, least, spread = camera.cost, list[Seat](), float("inf"), self._spread
        for seat in self.suiting(camera):
            after = seat.load + cost
            if after > seat.limit or seat.count >= seat.facts.max_cameras or seat is besides:
                continue
            # Shares of whole numbers: equal shares are equal floats, so ties are ties on every machine.
            badness = after / seat.units if spread else seat.limit - after
            if badness < least:
                best, least = [seat], badness
            elif badness == least:
                best.append(seat)
        return max(best, key=lambda seat: attraction(camera, seat)) if len(best) > 1 else best[0] if best else None
