"""What a Camera's status says: where it is, whether it streams, whether its password fits. Pure.

It holds no number that ticks: two passes over equal facts give equal bytes, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from alpr_operator.plan import Held
from alpr_operator.status.conditions import State, Told, conditions, seen_condition
from alpr_operator.store.objects import SeenCamera

_LASTING_REASONS: Final = ("Assigned", "Moved", "FailedOver")


@dataclass(frozen=True, slots=True)
class Credential:
    """What is known of a camera's Secret."""

    status: State
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a camera has no place: a condition's reason and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """All that a camera's status is made from.

    Attributes:
        held: where it is; None where it has no place, and then `unplaced` says why.
        left_lost: whether the node that its status still names is gone or dark.
        node_ready: whether its node is there.
        reported: (state, reason) as its node's agent told last; None where it told nothing (yet).
        has_report: whether the node's agent has ever reported.
        same_source: other cameras of the site with the same address.
    """

    camera: SeenCamera
    held: Held | None
    unplaced: Cause | None
    left_lost: bool = False
    node_ready: bool = True
    reported: tuple[str, str] | None = None
    has_report: bool = False
    credential: Credential | None = None
    same_source: tuple[str, ...] = ()


def camera_status(facts: CameraFacts, now: datetime) -> dict[str, Any]:
    """The whole status; None stands for a field that shall not be there."""
    before = orjson.loads(facts.camera.status)
    assigned, streaming = _assigned(facts, before), _streaming(facts)
    credential = _credential(facts)
    told = [assigned, streaming, *([credential] if credential else []), _ready(facts, assigned, streaming, credential)]
    if facts.same_source:
        others = ", ".join(facts.same_source[:3])
        message = f"{others} reads the same address; each vehicle would count twice"
        told.append(Told("UniqueSource", "False", "DuplicateUrl", message))
    held = facts.held
    return {
        "observedGeneration": facts.camera.generation,
        "nodeName": held.node if held else None,
        "epoch": held.epoch if held else before.get("epoch"),
        "costUnits": facts.camera.cost,
        "conditions": conditions(told, before, now),
    }


def _assigned(facts: CameraFacts, before: Mapping[str, Any]) -> Told:
    if facts.held is not None:
        return Told("Assigned", "True", _why_there(facts, facts.held, before), f"on node {facts.held.node}")
    reason = facts.unplaced or Cause("Waiting", "waiting to be planned")
    return Told("Assigned", "False", reason.code, reason.message)


def _why_there(facts: CameraFacts, held: Held, before: Mapping[str, Any]) -> str:
    """Told by what the status said last, so that a status that was never sent loses nothing."""
    last, reason = before.get("nodeName"), seen_condition(before, "Assigned").get("reason")
    if last == held.node:
        return str(reason) if reason in _LASTING_REASONS else "Assigned"
    if last is not None:
        return "FailedOver" if facts.left_lost else "Moved"
    return "Moved" if held.epoch > 1 else "Assigned"


def _streaming(facts: CameraFacts) -> Told:
    if facts.held is None:
        return Told("Streaming", "False", "NotAssigned")
    if not facts.node_ready:
        return Told("Streaming", "Unknown", "NodeOffline", f"node {facts.held.node} is not ready; it goes on by itself")
    if not facts.has_report:
        return Told("Streaming", "Unknown", "NoReport", f"the agent of {facts.held.node} has not reported yet")
    if facts.reported is None:
        return Told("Streaming", "False", "Connecting", "the node has not taken it up yet")
    state, reason = facts.reported
    return Told("Streaming", "True" if state == "Streaming" else "False", state, "" if state == "Streaming" else reason)


def _credential(facts: CameraFacts) -> Told | None:
    if facts.reported and facts.reported[0] == "AuthFailed":
        named = f"the one in Secret {facts.camera.secret}" if facts.camera.secret else "none, and no Secret is named"
        message = f"the camera refuses the password ({named}); correct it there, or in credentialsSecretRef"
        return Told("CredentialsValid", "False", "AuthFailed", message)
    known = facts.credential
    return Told("CredentialsValid", known.status, known.reason, known.message) if known else None


def _ready(facts: CameraFacts, assigned: Told, streaming: Told, credential: Told | None) -> Told:
    if not facts.camera.enabled and facts.unplaced is not None and facts.unplaced.code == "Disabled":
        return Told("Ready", "True", "Disabled", "switched off, as asked")
    for one in (assigned, *([credential] if credential else []), streaming):
        if one.status != "True":
            return Told("Ready", one.status, one.reason, one.message)
    return Told("Ready", "True", "Streaming")


def reported_cameras(status: bytes) -> Mapping[str, tuple[str, str]]:
    """(state, reason) of each camera in a report's status."""
    return {one["name"]: (one["state"], one.get("reason", "")) for one in orjson.loads(status).get("cameras") or ()}
