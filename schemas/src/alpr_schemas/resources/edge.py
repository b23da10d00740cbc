"""EdgeAssignment and EdgeReport: what a node shall do, and what it does. Machines write both."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from alpr_schemas.resources.camera import Analytics, Source, Stream
from alpr_schemas.resources.meta import (
    API_VERSION,
    Condition,
    Digest,
    Duration,
    Metadata,
    Model,
    Name,
    NodeName,
    Share,
    node_metadata,
)
from alpr_schemas.resources.rules import Rule
from alpr_schemas.resources.site import ModelRef


class CameraConfig(Model):
    """The part of a camera's spec that a node needs."""

    display_name: str | None = None
    enabled: bool = True
    source: Source
    stream: Stream = Stream()
    analytics: Analytics = Analytics()


class SealedCredential(Model):
    """A camera's user and password, sealed to one node's key (`alpr_sealing`).

    Attributes:
        key_id: which key it is sealed to; the first 16 hex digits of the SHA-256 of the public key.
        secret_version: the resourceVersion of the Secret it was made from.
        box: base64 of the sealed box over the JSON `{"username": …, "password": …}`.
    """

    key_id: str = Field(max_length=32)
    secret_version: str = Field(max_length=64)
    box: str = Field(max_length=2048)


class AssignedCamera(Model):
    """A camera that this node serves; `epoch` rises when it moves between nodes, `since` is when it came here."""

    name: Name
    uid: str = Field(default="", max_length=64)
    generation: int = 1
    epoch: int = Field(default=1, ge=1)
    since: datetime | None = None
    config: CameraConfig
    sealed_credential: SealedCredential | None = None


class ReleasedCamera(Model):
    """A camera that has left this node and is served nowhere until the node has acknowledged that it let go.

    Attributes:
        epoch: its epoch here; the next node gets a higher one.
        to: the node that shall have it; None where it waits for a place.
        revision: the revision that took it away: the node has let go once it applied that one.
    """

    name: Name
    uid: str = Field(default="", max_length=64)
    epoch: int = Field(ge=1)
    to: NodeName | None = None
    since: datetime
    revision: int = Field(ge=1)


class AssignedModel(ModelRef):
    """A model that the node shall run, and the one before it, which stays on the node's disk."""

    previous_digest: Digest | None = None


class AssignedModels(Model):
    """The models a node shall run, by digest."""

    detector: AssignedModel | None = None
    reader: AssignedModel | None = None


class AssignmentSpec(Model):
    """The whole truth for one node.

    Attributes:
        revision: rises with every change; the agent acknowledges it.
        site: the site id that goes into events and event ids.
        node_uid: the Node's UID; the agent names it as the owner of its report, so that both go together.
        fence_after: where set, an agent that has not reached the API for so long lets its cameras go, because another
            node may have them by then.
    """

    format: Literal[1] = Field(default=1, alias="schema")
    node_name: NodeName
    node_uid: str | None = Field(default=None, max_length=64)
    site: Name
    revision: int = Field(default=1, ge=1)
    models: AssignedModels = AssignedModels()
    cameras: tuple[AssignedCamera, ...] = Field(default=(), max_length=64)
    released: tuple[ReleasedCamera, ...] = Field(default=(), max_length=256)
    connect_per_second: float = Field(default=2.0, gt=0, le=100)
    report_refresh: Duration = "5m"
    fence_after: Duration | None = None

    RULES: ClassVar = (
        Rule(
            "self.cameras.all(one, self.cameras.exists_one(other, other.name == one.name))",
            "cameras: a camera stands twice",
            lambda spec: len({one.name for one in spec.cameras}) == len(spec.cameras),
        ),
        Rule("self.nodeName == oldSelf.nodeName", "nodeName: it cannot change; each node has its own assignment"),
        Rule("self.revision >= oldSelf.revision", "revision: it only rises; agents acknowledge by it"),
    )


class EdgeAssignment(Model):
    """What one node shall do; only the operator (or standalone) writes it."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["EdgeAssignment"] = "EdgeAssignment"
    metadata: Annotated[Metadata, BeforeValidator(node_metadata)]
    spec: AssignmentSpec


class CameraState(StrEnum):
    """What a camera is doing."""

    CONNECTING = "Connecting"
    STREAMING = "Streaming"
    ENDED = "Ended"
    AUTH_FAILED = "AuthFailed"
    FAILED = "Failed"
    QUARANTINED = "Quarantined"
    DISABLED = "Disabled"


class ReportedCamera(Model):
    """One camera's health; `reason` says what to do where something is wrong."""

    name: Name
    state: CameraState
    reason: str = Field(default="", max_length=1024)
    since: datetime


class Capacity(Model):
    """What the node can carry."""

    units: int = Field(ge=0, le=100_000)
    source: Literal["bench", "default"] = "default"


class ReportedGates(Model):
    """What rollouts look at, in coarse steps of 0.05 so that equal facts are equal bytes."""

    fps_ratio: Share | None = None
    error_ratio: Share | None = None
    read_ratio: Share | None = None
    self_test: Share | None = None


class ReportStatus(Model):
    """What the agent says.

    Attributes:
        applied_revision: the newest revision whose cameras are what this node serves.
        applied_models: what the pipeline runs; a rollout of models counts a node as changed by this.
        sealing_key: base64 of the node's X25519 public key; once written it cannot change.
    """

    applied_revision: int = 0
    node_uid: str | None = Field(default=None, max_length=64)
    applied_models: AssignedModels = AssignedModels()
    agent_version: str | None = Field(default=None, max_length=64)
    sealing_key: str | None = Field(default=None, max_length=64)
    gates: ReportedGates | None = None
    capacity: Capacity | None = None
    cameras: tuple[ReportedCamera, ...] = Field(default=(), max_length=64)
    conditions: tuple[Condition, ...] = Field(default=(), max_length=8)

    RULES: ClassVar = (
        Rule(
            "!has(oldSelf.sealingKey) || (has(self.sealingKey) && self.sealingKey == oldSelf.sealingKey)",
            "sealingKey: it cannot change; delete the EdgeReport where the node was set up anew",
        ),
    )


class EdgeReport(Model):
    """What one node does; only that node's agent writes it."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["EdgeReport"] = "EdgeReport"
    metadata: Annotated[Metadata, BeforeValidator(node_metadata)]
    status: ReportStatus = ReportStatus()
