"""One edge agent without its video: what it serves, what it reports and when. Pure; seconds come in."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from alpr_kubernetes import Object, kinds
from alpr_schemas.resources.meta import seconds
from alpr_testing.served import Span

_REFRESH = "5m"
_NEVER = float("inf")
Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How an agent behaves; by default it is well.

    Attributes:
        offline: it neither hears nor says anything, and serves on, but for what the assignment's fenceAfter asks.
        stuck: it hears and reports, but applies nothing new and lets nothing go: nothing is acknowledged.
        keeps_models: it stays with the models it has.
        gates: what it reports for rollouts, such as {"fpsRatio": 0.5}.
        states: camera → (state, reason), for those that do not stream.
        units: its measured capacity; it then reports even before it was assigned anything, as a real agent does.
        sealing_key: its public key.
    """

    offline: bool = False
    stuck: bool = False
    keeps_models: bool = False
    gates: Mapping[str, float] | None = None
    states: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    units: int | None = None
    sealing_key: str | None = None


class PlayedAgent:
    """The agent of `node`.

    `settle_s` goes by from a change to its report, and five times that between two reports: with the default of 2 s it
    keeps the real agent's pace.
    """

    def __init__(
        self, namespace: str, node: str, *, settle_s: float = 2.0, tell: Callable[[Span], None] | None = None
    ) -> None:
        self.namespace = namespace
        self.node = node
        self.behaviour = Behaviour()
        self._settle_s = settle_s
        self._tell = tell
        self._heard: Spec | None = None
        self._applied: Spec | None = None
        self._models: Spec = {}
        self._serving: dict[tuple[str, str, int], float] = {}
        self._states: dict[str, tuple[str, str, str]] = {}
        self._offline_since: float | None = None
        self._changed_at: float | None = None
        self._wait_s = settle_s
        self._written_at = -_NEVER
        self._refresh_at = _NEVER
        self._not_before = -_NEVER

    def hears(self, spec: Spec | None, now_s: float) -> None:
        """Its assignment is this now; None where it has none."""
        if spec != self._heard:
            self._heard = spec
            self._applies(now_s)

    def behaves(self, behaviour: Behaviour, now_s: float) -> None:
        """It is so from now on."""
        self.behaviour = behaviour
        if not behaviour.offline:
            self._offline_since = None
        elif self._offline_since is None:
            self._offline_since = now_s
        self._applies(now_s)
        self._change(now_s)

    def fenced(self, now_s: float) -> None:
        """Let everything go where it has been offline for longer than its assignment allows."""
        after = (self._applied or {}).get("fenceAfter")
        if after and self._offline_since is not None and now_s - self._offline_since >= seconds(after):
            self._serve(set(), now_s)

    def due_s(self) -> float:
        """When it writes its report next; infinite where it has nothing to say."""
        if self.behaviour.offline or (self._applied is None and self.behaviour.units is None):
            return _NEVER
        changed_at = _NEVER if self._changed_at is None else self._changed_at + self._wait_s
        wanted = max(min(self._refresh_at, changed_at), self._written_at + 5 * self._settle_s)
        return max(wanted, self._not_before)

    def wrote(self, now_s: float) -> None:
        """The report of this moment is with the server."""
        # A fleet that started as one stands for agents that did not: after changes its refreshes are spread anew.
        low, high = (0.0, 1.0) if self._changed_at is not None else (0.8, 1.2)
        refresh_s = seconds((self._applied or {}).get("reportRefresh") or _REFRESH)
        self._changed_at, self._written_at, self._not_before = None, now_s, -_NEVER
        self._refresh_at = now_s + refresh_s * random.uniform(low, high)  # noqa: S311

    def failed(self, now_s: float, retry_after_s: float | None) -> None:
        """The report could not be written."""
        self._change(now_s)
        self._written_at = -_NEVER
        self._not_before = now_s + (retry_after_s or random.uniform(0.5, 2))  # noqa: S311

    def head(self) -> Object:
        """Its EdgeReport without a status; owned by the Node, where that is known."""
        meta: dict[str, Any] = {"name": self.node, "namespace": self.namespace}
        if uid := (self._applied or {}).get("nodeUid"):
            meta["ownerReferences"] = [{"apiVersion": "v1", "kind": "Node", "name": self.node, "uid": uid}]
        return {"apiVersion": kinds.REPORTS.api_version, "kind": "EdgeReport", "metadata": meta}

    def status(self) -> Object:
        """What it says of itself."""
        applied, behaviour = self._applied or {}, self.behaviour
        told: Object = {
            "appliedRevision": applied.get("revision", 0),
            "cameras": [self._camera(one["name"]) for one in applied.get("cameras") or ()],
            "appliedModels": dict(self._models),
        }
        told |= {"nodeUid": applied["nodeUid"]} if applied.get("nodeUid") else {}
        told |= {"gates": dict(behaviour.gates)} if behaviour.gates is not None else {}
        told |= {"capacity": {"units": behaviour.units, "source": "bench"}} if behaviour.units is not None else {}
        return told | ({"sealingKey": behaviour.sealing_key} if behaviour.sealing_key else {})

    def ends(self, now_s: float) -> None:
        """Its process ends: it serves nothing any more."""
        self._serve(set(), now_s)

    def _applies(self, now_s: float) -> None:
        if self.behaviour.offline or self.behaviour.stuck:
            return
        self._applied = self._heard
        if not self.behaviour.keeps_models:
            self._models = _run_models(self._heard or {})
        cameras = (self._applied or {}).get("cameras") or ()
        names = {one["name"] for one in cameras}
        self._states = {name: told for name, told in self._states.items() if name in names}
        self._serve({(one["name"], one.get("uid", ""), one["epoch"]) for one in cameras}, now_s)
        self._change(now_s)

    def _serve(self, wanted: AbstractSet[tuple[str, str, int]], now_s: float) -> None:
        for key in sorted(self._serving.keys() - wanted):
            since = self._serving.pop(key)
            if self._tell is not None:
                name, uid, epoch = key
                self._tell(Span(self.node, name, uid, epoch, since, now_s))
        for key in wanted:
            self._serving.setdefault(key, now_s)

    def _camera(self, name: str) -> Object:
        state, reason = self.behaviour.states.get(name, ("Streaming", ""))
        before = self._states.get(name)
        if before is None or before[0] != state:
            before = (state, reason, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            self._states[name] = before
        return {"name": name, "state": state, "reason": reason, "since": before[2]}

    def _change(self, now_s: float) -> None:
        if self._changed_at is None:
            self._changed_at = now_s
            self._wait_s = self._settle_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load


def _run_models(spec: Spec) -> Spec:
    wanted = (spec.get("models") or {}).items()
    return {role: {key: told[key] for key in ("name", "digest", "url") if key in told} for role, told in wanted}
