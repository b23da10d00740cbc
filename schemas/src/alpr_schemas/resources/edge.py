"""EdgeAssignment and EdgeReport: what a node shall do, and what it does. Machines write both."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from alpr_schemas.resources.camera import Analytics, Source, Stream
from alpr_schemas.resources.meta import (
    API_VERSION,
    WHOLE,
    Conditions,
    Digest,
    Duration,
    Metadata,
    Model,
    Name,
    NodeName,
    Share,
    node_metadata,
)
from alpr_schemas.resources.rules import Rule, Transition
from alpr_schemas.resources.site import ModelRef


class CameraConfig(Model):
    """The part of a camera's spec that a node needs.

    Attributes:
        display_name: what people call it.
        enabled: whether it is served.
        source: where its pictures come from.
        stream: what its stream is expected to be.
        analytics: what counts in its picture.
    """

    display_name: str | None = Field(default=None, max_length=100)
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
    """A camera that this node serves.

    Attributes:
        name: the Camera's name.
        uid: the Camera's UID; another one is another camera.
        generation: of the Camera's spec that `config` is taken from.
        epoch: rises when the camera moves between nodes.
        since: when it came here.
        config: what the node needs of the Camera's spec.
        sealed_credential: its user and password, for this node alone.
    """

    name: Name
    uid: str = Field(default="", max_length=64)
    generation: int = Field(default=1, ge=0)
    epoch: int = Field(default=1, ge=1)
    since: datetime | None = None
    config: CameraConfig
    sealed_credential: SealedCredential | None = None


class ReleasedCamera(Model):
    """A camera that has left this node and is served nowhere until the node has acknowledged that it let go.

    Attributes:
        name: the Camera's name.
        uid: the Camera's UID.
        epoch: its epoch here; the next node gets a higher one.
        to: the node that shall have it; None where it waits for a place.
        since: when it was taken away.
        revision: the revision that took it away: the node has let go once it applied that one.
    """

    name: Name
    uid: str = Field(default="", max_length=64)
    epoch: int = Field(ge=1)
    to: NodeName | None = None
    since: datetime
    revision: int = Field(ge=1)


class AssignedModel(ModelRef):
    """A model that the node shall run, and the one before it, which stays on the node's disk.

    Attributes:
        name: what people call it.
        digest: sha256: and 64 hex digits.
        url: where it is fetched from.
        previous_digest: the one before.
    """

    previous_digest: Digest | None = None


class AssignedModels(Model):
    """The models of a node, by digest.

    Attributes:
        detector: finds plates in a picture.
        reader: reads a plate's characters.
    """

    detector: AssignedModel | None = None
    reader: AssignedModel | None = None


class AssignmentSpec(Model):
    """The whole truth for one node.

    Attributes:
        format: how this is to be read; an agent refuses a number that it does not know.
        node_name: the node; the EdgeAssignment is called the same.
        revision: rises with every change; the agent acknowledges it.
        site: the site id that goes into events and event ids.
        models: what the node runs.
        cameras: what the node serves, in the order in which it connects.
        released: cameras that left the node and that it has not yet let go.
        connect_per_second: cameras that it may connect to in a second.
        report_refresh: how often it reports where nothing changed.
        node_uid: the Node's UID; the agent names it as the owner of its report, so that both go together.
        fence_after: where set, an agent that has not reached the API for so long lets its cameras go, because another
            node may have them by then.
    """

    format: Literal[1] = Field(default=1, alias="schema")
    node_name: NodeName
    node_uid: str | None = Field(default=None, max_length=64)
    site: Name
    revision: int = Field(default=1, ge=1)
    models: AssignedModels = Field(default=AssignedModels(), json_schema_extra=WHOLE)
    cameras: tuple[AssignedCamera, ...] = Field(default=(), max_length=64)
    released: tuple[ReleasedCamera, ...] = Field(default=(), max_length=256)
    connect_per_second: float = Field(default=2.0, gt=0, le=100)
    report_refresh: Duration = "5m"
    fence_after: Duration | None = None

    rules: ClassVar = (
        Rule(
            "!has(self.cameras) || self.cameras.all(a, self.cameras.exists_one(b, a.name == b.name))",
            "a camera stands twice",
            lambda spec: len({told.name for told in spec.cameras}) == len(spec.cameras),
            "cameras",
        ),
    )
    transitions: ClassVar = (
        Transition(
            "!has(self.revision) || !has(oldSelf.revision) || self.revision >= oldSelf.revision",
            "it only rises; agents acknowledge by it",
            lambda new, old: bool(new.revision >= old.revision),
            "revision",
        ),
    )


class EdgeAssignment(Model):
    """What one node shall do; only the operator (or standalone) writes it."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["EdgeAssignment"] = "EdgeAssignment"
    metadata: Annotated[Metadata, BeforeValidator(node_metadata)]
    spec: AssignmentSpec

    rules: ClassVar = (
        Rule(
            "self.spec.nodeName == self.metadata.name",
            "give the EdgeAssignment's own name: it is called as its node",
            lambda told: told.spec.node_name == told.metadata.name,
            "spec.nodeName",
        ),
    )


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
    """One camera's health.

    Attributes:
        name: the Camera's name.
        state: what it is doing.
        reason: what to do, where something is wrong.
        since: when that began.
    """

    name: Name
    state: CameraState
    reason: str = Field(default="", max_length=1024)
    since: datetime


class Capacity(Model):
    """What the node can carry.

    Attributes:
        units: capacity units.
        source: bench where it was measured, default where not.
    """

    units: int = Field(ge=0, le=100_000)
    source: Literal["bench", "default"] = "default"


class ReportedGates(Model):
    """What rollouts look at, in coarse steps of 0.05 so that equal facts are equal bytes.

    Attributes:
        fps_ratio: frames a second that are worked on, of those that were asked for.
        error_ratio: cameras that do not stream, of those that are assigned.
        read_ratio: readings a pass.
        self_test: the score of the model's own test.
    """

    fps_ratio: Share | None = None
    error_ratio: Share | None = None
    read_ratio: Share | None = None
    self_test: Share | None = None


class ReportStatus(Model):
    """What the agent says.

    Attributes:
        applied_revision: the newest revision whose cameras are what this node serves.
        node_uid: the Node's UID; a report of another Node of the same name is not trusted.
        applied_models: what the pipeline runs; a rollout of models counts a node as changed by this.
        agent_version: of the agent.
        sealing_key: base64 of the node's X25519 public key; once written it cannot change.
        gates: what rollouts look at.
        capacity: what the node can carry.
        cameras: what its cameras are doing.
        conditions: what is so of the node's agent.
    """

    applied_revision: int = Field(default=0, ge=0)
    node_uid: str | None = Field(default=None, max_length=64)
    applied_models: AssignedModels = Field(default=AssignedModels(), json_schema_extra=WHOLE)
    agent_version: str | None = Field(default=None, max_length=64)
    sealing_key: str | None = Field(default=None, max_length=64)
    gates: ReportedGates | None = Field(default=None, json_schema_extra=WHOLE)
    capacity: Capacity | None = Field(default=None, json_schema_extra=WHOLE)
    cameras: tuple[ReportedCamera, ...] = Field(default=(), max_length=64)
    conditions: Conditions = ()


class EdgeReport(Model):
    """What one node does; only that node's agent writes it."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["EdgeReport"] = "EdgeReport"
    metadata: Annotated[Metadata, BeforeValidator(node_metadata)]
    status: ReportStatus = ReportStatus()

    # Here, not in the status: a status can be taken away as a whole.
    transitions: ClassVar = (
        Transition(
            "!has(oldSelf.status) || !has(oldSelf.status.sealingKey) || (has(self.status) "
            "&& has(self.status.sealingKey) && self.status.sealingKey == oldSelf.status.sealingKey)",
            "a node keeps its key; delete the EdgeReport where the node was set up anew",
            lambda new, old: old.status.sealing_key is None or new.status.sealing_key == old.status.sealing_key,
            "status.sealingKey",
        ),
    )
