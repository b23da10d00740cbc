"""What a rollout is told, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

import orjson

from alpr_schemas.resources import ReportedGates, RolloutStatus

Side = Literal["new", "old"]
Models = Literal["new", "old", "kept"]


@dataclass(frozen=True, slots=True)
class Target:
    """A state that nodes can run.

    Attributes:
        digest: over everything that rolls.
        workloads: node class → the digest that pods of its DaemonSet carry.
        models: digest over the models.
        detail: whatever the caller needs to write DaemonSets and models of this state again (JSON); it is kept in
            `status.rollout` as it is.
    """

    digest: str
    workloads: Mapping[str, str]
    models: str
    detail: str = ""

    def pack(self) -> str:
        """As it stands in `status.rollout`; equal targets give equal bytes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def unpack(cls, packed: str | None) -> Target | None:
        """The inverse of `pack`; None for what is no packed target."""
        try:
            told = orjson.loads(packed or "")
            return cls(told["digest"], told["workloads"], told["models"], told["detail"])
        except (ValueError, TypeError, KeyError):
            return None


@dataclass(frozen=True, slots=True)
class RolloutNode:
    """A node as a rollout sees it.

    Attributes:
        ready: whether the Node is ready (not its pod).
        workload: the digest that its pod carries; None where it has no pod.
        pod_ready: whether that pod is ready.
        told_models: digest of the models that its EdgeAssignment tells it; None where it has none yet.
        models: the digest of `Target.models` that its report satisfies; None where it has not reported.
        gates: what its report says.
        since: when it came to run what it runs (its pod became ready, at the latest); None where that is not known.
        offline_since: when it stopped being ready; ready_since: when it last became ready.
        pulled: False keeps it out of waves until its image is there.
        problem: why it does not take what it was told, from its report; it fails the rollout.
    """

    name: str
    node_class: str
    ready: bool
    workload: str | None = None
    pod_ready: bool = True
    told_models: str | None = None
    models: str | None = None
    gates: ReportedGates | None = field(default=None)
    since: datetime | None = None
    offline_since: datetime | None = None
    ready_since: datetime | None = None
    pulled: bool = True
    problem: str | None = None

    def runs(self, target: Target) -> bool:
        """Whether it is up with `target`."""
        return self.has_pod_of(target) and self.pod_ready and self.models == target.models

    def has_pod_of(self, target: Target) -> bool:
        """Whether its pod is that of `target`, ready or not; always so where `target` does not know its class."""
        wanted = target.workloads.get(self.node_class)
        return wanted is None or self.workload == wanted

    @property
    def fresh(self) -> bool:
        """Whether it has never run anything."""
        return self.workload is None and self.told_models is None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now.

    Attributes:
        state: the new `status.rollout`.
        template: whose pod templates the DaemonSets must have, of `wanted` or of `old` (where `old` knows the class);
            to be written before `restart`.
        old: the state before; None where it is not known, and then nothing here says "old".
        models: every node → whose models its EdgeAssignment must tell; "kept" leaves there what stands there (a node
            that is to catch up, but is offline, or whose window is closed).
        restart: nodes whose pod is to be deleted.
        next_at: when time alone makes another look worth while.
        breach: what goes wrong in this very pass, with numbers; `state.message` keeps it. Where nothing rolls back by
            itself it is told again in each pass.
    """

    state: RolloutStatus
    template: Side
    old: Target | None
    models: Mapping[str, Models]
    restart: tuple[str, ...]
    next_at: datetime | None
    breach: str | None
