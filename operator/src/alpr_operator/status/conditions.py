"""Conditions: what is said, and when it last turned. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from alpr_operator.desired.assignments import wire_time
from alpr_operator.store.objects import canonical

State = Literal["True", "False", "Unknown"]
_LONGEST_MESSAGE = 1000
OURS = frozenset(
    {
        "Assigned",
        "Streaming",
        "CredentialsValid",
        "UniqueSource",
        "Ready",
        "Reconciling",
        "Stalled",
        "CapacitySufficient",
        "AgentsAvailable",
        "RolloutProgressing",
    }
)


@dataclass(frozen=True, slots=True)
class Told:
    """A condition without its moment."""

    type: str
    status: State
    reason: str
    message: str = ""


def conditions(told: Iterable[Told], before: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """`told` on the wire; a condition whose status is as in the status `before` keeps the moment it last turned."""
    known = {seen["type"]: seen for seen in before.get("conditions") or ()}
    return [_wire(one, known.get(one.type), now) for one in told]


def _wire(one: Told, seen: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    same = seen is not None and seen.get("status") == one.status and seen.get("lastTransitionTime")
    return {
        "type": one.type,
        "status": one.status,
        "reason": one.reason,
        "message": one.message[:_LONGEST_MESSAGE],
        "lastTransitionTime": seen["lastTransitionTime"] if same and seen else wire_time(now),
    }


def differs(status: Mapping[str, Any], before: bytes) -> bool:
    """Whether `status` says anything that the server does not say already; others' conditions do not count."""
    if canonical(on_the_wire(status)) == before:
        return False
    seen = orjson.loads(before)
    wanted = {key: value for key, value in status.items() if key != "conditions"}  # None: shall not be there
    if any(canonical(seen.get(key)) != canonical(value) for key, value in wanted.items()):
        return True
    known = {one["type"]: one for one in seen.get("conditions") or ()}
    told = {one["type"]: one for one in status.get("conditions", ())}
    return any(known.get(kind) != one for kind, one in told.items()) or bool(OURS & (known.keys() - told.keys()))


def on_the_wire(status: Mapping[str, Any]) -> dict[str, Any]:
    """`status` as it is applied: what shall not be there is left out, and so taken away."""
    return {key: value for key, value in status.items() if value is not None}


def seen_condition(before: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition `kind` of a status; empty where it has none."""
    return next((one for one in before.get("conditions") or () if one["type"] == kind), {})
