"""A better balance among nodes that are all well, where it was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from alpr_operator.plan.board import Board, Seat, order_of
from alpr_operator.plan.draft import Draft
from alpr_operator.plan.facts import CameraFacts
from alpr_operator.plan.past import Budget


def rebalance(draft: Draft, budget: Budget) -> None:
    """Move cameras, as many as `budget` allows, until Spread is level or Pack is tight."""
    if draft.policy.spread:
        _level(draft, budget)
    else:
        _tighten(draft, budget)


def _level(draft: Draft, budget: Budget) -> None:
    while (move := _levelling_move(draft.board)) is not None:
        camera, source, target = move
        if not _moved(draft, budget, camera, source, target):
            return


def _levelling_move(board: Board) -> tuple[CameraFacts, Seat, Seat] | None:
    """The move that helps the fullest node most, if it can be helped: else the next, and so on.

    A move must leave both nodes less full than the fuller one was. So each lowers the sorted list of shares, and they
    come to an end. Moves that take neither node past the mean come first: a node that joins then costs little more
    than the load that it ends up with.
    """
    units = sum(seat.units for seat in board.open)
    mean = sum(seat.load for seat in board.open) / units if units else 0.0
    fullest = sorted(board.open, key=lambda seat: (-seat.share, seat.name))
    for most_over in (0.0, float("inf")):
        for source in fullest:
            if source.share <= mean:
                break
            best = min(_helpful(board, source, mean, most_over), key=lambda told: told[:3], default=None)
            if best is not None:
                return best[3], source, best[4]
    return None


def _helpful(
    board: Board, source: Seat, mean: float, most_over: float
) -> Iterator[tuple[float, int, str, CameraFacts, Seat]]:
    for camera in source.staying.values():
        target = board.best_for(camera, besides=source)
        if target is None:
            continue
        there, here = (target.load + camera.cost) / target.units, (source.load - camera.cost) / source.units
        if max(there, here) < source.share and max(there - mean, mean - here) <= most_over:
            yield max(there, here), -camera.cost, camera.name, camera, target


def _tighten(draft: Draft, budget: Budget) -> None:
    """Empty the node that carries least, if the other nodes in use can take all that it holds."""
    while True:
        used = [seat for seat in draft.board.open if seat.load]
        source = min(used, key=lambda seat: (seat.share, seat.name), default=None)
        if source is None or len(source.staying) != source.count:
            return
        plan = _emptied(source, [seat for seat in used if seat is not source], draft.board)
        if not plan or not all(_moved(draft, budget, camera, source, target) for camera, target in plan):
            return


def _emptied(source: Seat, others: list[Seat], board: Board) -> list[tuple[CameraFacts, Seat]]:
    """Where each camera of `source` would go; empty where one would have no place."""
    plan: list[tuple[CameraFacts, Seat]] = []
    for camera in sorted(source.staying.values(), key=order_of):
        fitting = [seat for seat in others if seat in board.suiting(camera) and seat.has_room(camera)]
        target = min(fitting, key=lambda seat: (seat.limit - seat.load, seat.name), default=None)
        if target is None:
            break
        target.add(camera)
        plan.append((camera, target))
    for camera, target in plan:
        target.remove(camera)
    return plan if len(plan) == len(source.staying) else []


def _moved(draft: Draft, budget: Budget, camera: CameraFacts, source: Seat, target: Seat) -> bool:
    if not budget.take([camera.name]):
        return False
    draft.leave(camera, source)
    draft.release(camera, target, "rebalance")
    return True
