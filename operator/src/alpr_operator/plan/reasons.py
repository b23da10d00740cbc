"""Why a camera has no place, in a sentence with numbers."""

from __future__ import annotations

from collections.abc import Sequence

from alpr_operator.plan.board import Board, Seat, suits
from alpr_operator.plan.facts import CameraFacts, Reason, Released

DISABLED = Reason("Disabled", "switched off")


def releasing(entry: Released) -> Reason:
    """It waits for the node that had it."""
    return Reason("Releasing", f"waits until node {entry.node} has let it go (revision {entry.revision})")


def no_place(camera: CameraFacts, board: Board, reserve_percent: int) -> Reason:
    """Why `board`, as it is now filled, has no place for `camera`."""
    if camera.pinned is not None:
        return _pinned(camera, board, camera.pinned, reserve_percent)
    fitting = [seat for seat in board.there if suits(camera, seat.facts)]
    if board.there and not fitting:
        labels = ",".join(f"{key}={value}" for key, value in camera.selector)
        nodes = _count(len(board.there), "node")
        return Reason("SelectorMatchesNothing", f"placement.nodeSelector {labels} fits none of the site's {nodes}")
    return _of(camera, fitting, reserve_percent)


def _pinned(camera: CameraFacts, board: Board, node: str, reserve_percent: int) -> Reason:
    seat = board.seats.get(node)
    if seat is None or not seat.facts.exists:
        return Reason(
            "PinnedNodeMissing",
            f"placement.nodeName is {node}, which is no node of this site; it has {_names(board.there)}",
        )
    if not seat.facts.ready:
        return Reason("NoNode", f"node {node}, to which it is pinned, is not ready")
    if seat.facts.draining:
        return Reason("NoNode", f"node {node}, to which it is pinned, is being drained")
    return _full(camera, [seat], f"node {node}, to which it is pinned, has", reserve_percent)


def _of(camera: CameraFacts, fitting: Sequence[Seat], reserve_percent: int) -> Reason:
    if not fitting:
        return Reason("NoNode", "the site has no node")
    of_whom = "that fit its selector" if camera.selector else "of the site"
    ready = [seat for seat in fitting if seat.facts.ready]
    if not ready and len(fitting) == 1:
        others = "no other fits its selector" if camera.selector else "the site has no other"
        return Reason("NoNode", f"node {fitting[0].name} is not ready, and {others}")
    if not ready:
        return Reason("NoNode", f"none of the {len(fitting)} nodes {of_whom} is ready")
    usable = [seat for seat in ready if seat.open]
    if not usable:
        return Reason("NoNode", f"every ready node {of_whom} ({_names(ready)}) is being drained")
    return _full(camera, usable, "nodes that fit its selector have" if camera.selector else "site has", reserve_percent)


def _full(camera: CameraFacts, seats: Sequence[Seat], who: str, reserve_percent: int) -> Reason:
    needs = f"needs {_count(camera.cost, 'unit')}"
    full = [seat for seat in seats if seat.count >= seat.facts.max_cameras]
    usable = [seat for seat in seats if seat not in full]
    if not usable:
        most = full[0].facts.max_cameras
        return Reason("InsufficientCapacity", f"{needs}; {who} {most} cameras on {_each(full)}, which is the most")
    gaps = [max(0, seat.limit - seat.load) for seat in usable]
    units = sum(seat.units for seat in seats)
    largest = f"largest gap {max(gaps)}" + (f", {reserve_percent} % kept in reserve" if reserve_percent else "")
    if max(gaps) >= camera.cost:
        # Room there is, in the end, but it went to others first, or lower ones wait to make way.
        return Reason("InsufficientCapacity", f"{needs}; {who} {sum(gaps)} free of {units}; others come first")
    where = f" on {_count(len(seats), 'node')}" if len(seats) > 1 else ""
    return Reason("InsufficientCapacity", f"{needs}; {who} {sum(gaps)} free of {units}{where} ({largest})")


def _each(seats: Sequence[Seat]) -> str:
    return "each node" if len(seats) > 1 else f"node {seats[0].name}"


def _names(seats: Sequence[Seat]) -> str:
    named = ", ".join(seat.name for seat in seats[:5]) or "none"
    return named + (f" and {len(seats) - 5} more" if len(seats) > 5 else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
