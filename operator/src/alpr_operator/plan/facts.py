"""What the planner is told, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Why = Literal["failover", "gone", "drain", "pin", "selector", "shed", "displaced", "rebalance"]
ReasonCode = Literal[
    "InsufficientCapacity", "NoNode", "PinnedNodeMissing", "SelectorMatchesNothing", "Releasing", "Disabled"
]


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """A camera that the site has.

    Attributes:
        cost: capacity units that it takes.
        pinned: the only node that may serve it.
        selector: labels that its node must have.
        epoch: the last epoch that its status tells, 0 for none. Held and released entries win over it; it keeps epochs
            rising where an EdgeAssignment was deleted by hand.
        last_node: the node that its status tells: preferred where nothing else is known.
    """

    name: str
    uid: str
    cost: int
    priority: int = 100
    pinned: str | None = None
    selector: tuple[tuple[str, str], ...] = ()
    enabled: bool = True
    epoch: int = 0
    last_node: str | None = None


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node of the site, or one that was and still holds cameras (`exists` is then False).

    Attributes:
        offline_since: when it stopped being ready; None where it is, or where that is not known (it is not lost then).
        applied_revision: the revision that its agent has acknowledged.
    """

    name: str
    uid: str
    units: int
    labels: Mapping[str, str]
    ready: bool
    offline_since: datetime | None
    draining: bool = False
    exists: bool = True
    applied_revision: int = 0
    max_cameras: int = 64


@dataclass(frozen=True, slots=True)
class Held:
    """A camera on the node that serves it; `node_uid` is the machine it was planned for, `since` when it came."""

    camera: str
    uid: str
    node: str
    node_uid: str
    epoch: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Released:
    """A camera that `node` shall let go: it has done so once it has applied `revision`.

    Attributes:
        epoch: its epoch there; it is given on under a higher one.
        to: where it is meant to go; None where it has no place (yet).
    """

    camera: str
    uid: str
    node: str
    epoch: int
    to: str | None
    since: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The site's rules; `rebalance` asks once for a new balance, `sticky=False` for one in each pass."""

    spread: bool
    sticky: bool
    reserve_percent: int
    max_moves_per_minute: int
    failover_enabled: bool
    failover_after: timedelta
    rebalance: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a camera has no (good) place: a condition's reason and a sentence with numbers."""

    code: ReasonCode
    message: str


@dataclass(frozen=True, slots=True)
class Move:
    """A camera that leaves `source` in this pass; `target` is None where it has no other place."""

    camera: str
    source: str
    target: str | None
    why: Why


@dataclass(frozen=True, slots=True)
class Plan:
    """The site after this pass.

    Attributes:
        placed: camera → where it is.
        released: all entries to keep, new ones among them, by node, camera and epoch.
        unplaced: camera → why it has no place. A camera can be in `placed` too: it then stays where it is (on a lost or
            draining node, off its pin) because no other node can take it.
        moves: departures of this pass, by camera.
        arrived: camera → why it came to its node in this pass (`failover` or `moved`), for cameras with a past.
        next_at: when time alone makes another pass worth while: a failover is due, or moves are free again.
        settled: nothing waits for an acknowledgement, a free move or a better balance: a rebalance that was asked for
            is done.
    """

    placed: Mapping[str, Held]
    released: tuple[Released, ...]
    unplaced: Mapping[str, Reason]
    moves: tuple[Move, ...]
    arrived: Mapping[str, Literal["failover", "moved"]]
    next_at: datetime | None
    settled: bool
