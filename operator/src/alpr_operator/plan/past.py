"""What the assignments on the server tell of each camera: who holds it, who shall let it go, its last epoch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from alpr_operator.plan.facts import CameraFacts, Held, Released

_MINUTE: Final = timedelta(seconds=61)
"""A minute of moves. Times on the wire are cut to whole seconds: one more makes up for that."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Past:
    """One camera's past.

    Attributes:
        held: where it is; None where nobody has it.
        entries: its releases that are on the server, the newest first.
        epoch: the highest epoch that it ever had; 0 for a new camera.
    """

    held: Held | None
    entries: tuple[Released, ...]
    epoch: int

    @property
    def last_node(self) -> str | None:
        """The node that had it before it was released."""
        return self.entries[0].node if self.entries else None


def pasts(cameras: Iterable[CameraFacts], held: Sequence[Held], released: Sequence[Released]) -> dict[str, Past]:
    """Each camera's past; what is told of other uids (deleted cameras) is left out."""
    holders: dict[tuple[str, str], list[Held]] = defaultdict(list)
    for one in held:
        holders[one.camera, one.uid].append(one)
    entries: dict[tuple[str, str], list[Released]] = defaultdict(list)
    for entry in released:
        entries[entry.camera, entry.uid].append(entry)
    return {
        camera.name: _past(camera, holders[camera.name, camera.uid], entries[camera.name, camera.uid])
        for camera in cameras
    }


def _past(camera: CameraFacts, holders: list[Held], entries: list[Released]) -> Past:
    if not holders and not entries:
        return Past(None, (), camera.epoch)
    ordered = sorted(entries, key=lambda entry: (-entry.epoch, entry.node, entry.revision))
    released_epoch = ordered[0].epoch if ordered else 0
    winner = _winner(holders)
    if winner is not None and winner.epoch <= released_epoch:
        winner = None  # it was given on and released again since: this holder has only not been told yet
    epoch = max(camera.epoch, released_epoch, winner.epoch if winner else 0, *(one.epoch for one in holders))
    return Past(winner, tuple(ordered), epoch)


def _winner(holders: list[Held]) -> Held | None:
    """The newest holder. Two of one epoch are a crash's leftover: the one that stays gets an epoch of its own."""
    if len(holders) < 2:
        return holders[0] if holders else None
    first, second, *_ = sorted(holders, key=lambda one: (one.epoch, one.since or _LONG_AGO, one.node), reverse=True)
    return replace(first, epoch=first.epoch + 1) if first.epoch == second.epoch else first


class Budget:
    """The moves that are left in this minute, counted in different cameras."""

    def __init__(self, limit: int, moved_at: Mapping[str, datetime], now: datetime) -> None:
        self._limit = limit
        self._moved_at = {camera: since for camera, since in moved_at.items() if since > now - _MINUTE}
        self._now = now
        self.blocked = False

    def take(self, cameras: Iterable[str]) -> bool:
        """Move `cameras` if that is allowed; all of them or none."""
        new = {camera for camera in cameras if camera not in self._moved_at}
        if len(self._moved_at) + len(new) > self._limit:
            self.blocked = True
            return False
        self._moved_at.update(dict.fromkeys(new, self._now))
        return True

    def could_ever(self, moves: int) -> bool:
        """Whether so many cameras may move within one minute."""
        return moves <= self._limit

    @property
    def free_at(self) -> datetime | None:
        """When one more move is free; None where none was refused."""
        if not self.blocked:
            return None
        moments = sorted(self._moved_at.values())
        first = max(0, len(moments) - self._limit)
        return max(moments[first] + _MINUTE, self._now + timedelta(seconds=1)) if moments else None


def moved_at(cameras: Iterable[CameraFacts], known: Mapping[str, Past]) -> dict[str, datetime]:
    """When each camera last moved, of those that are on and have ever moved."""
    moments = {}
    for camera in cameras:
        past = known[camera.name]
        sinces = [entry.since for entry in past.entries]
        if past.held is not None and past.held.epoch > 1 and past.held.since is not None:
            sinces.append(past.held.since)
        if sinces and camera.enabled:
            moments[camera.name] = max(sinces)
    return moments
