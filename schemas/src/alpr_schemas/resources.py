"""The four kinds of `ovr-alpr.io/v1alpha1`: people write AlprSite and Camera, machines EdgeAssignment and EdgeReport.

Models ignore fields they do not know, so that an older program survives a newer field; who reads a person's file checks
for misspelt fields on its own (`alpr_schemas.manifests`). Names follow Kubernetes: camelCase on the wire, snake_case here.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasGenerator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

GROUP = "ovr-alpr.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


def _resource_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("use 1 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both ends")
    return text


Name = Annotated[str, AfterValidator(_resource_name)]
Share = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Share, Share]


class Model(BaseModel):
    """Camel case outside, snake case inside, unknown fields ignored, values never change."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        protected_namespaces=(),
    )

    def wire(self) -> dict[str, Any]:
        """As it stands in YAML or JSON: camelCase, without what is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(Model):
    """The part of Kubernetes' object metadata that we read."""

    name: Name
    namespace: Name | None = None
    uid: str | None = None
    generation: int = 1
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Condition(Model):
    """A Kubernetes condition."""

    type: str = Field(max_length=64)
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(max_length=64)
    message: str = Field(default="", max_length=1024)
    last_transition_time: datetime | None = None
    observed_generation: int | None = None


# --- Camera -----------------------------------------------------------------------------------------------------------


class Protocol(StrEnum):
    """How a camera's pictures come in."""

    RTSP = "rtsp"
    ONVIF = "onvif"
    USB = "usb"
    FILE = "file"


_SCHEMES: dict[Protocol, tuple[str, ...]] = {
    Protocol.RTSP: ("rtsp", "rtsps"),
    Protocol.ONVIF: ("http", "https", "onvif"),
    Protocol.USB: ("usb", "v4l2"),
    Protocol.FILE: ("file",),
}


class SecretRef(Model):
    """Names a Secret of the same namespace with the keys `username` and `password`."""

    name: Name


class Source(Model):
    """Where the pictures come from.

    Attributes:
        url: rtsp://host/path, http://host/onvif/device_service, usb:///dev/video0, file:///folder/clip.mp4; it never
            holds a user or a password.
        transport: RTSP over tcp or udp.
        loop: file only: start again at the end, as a camera would go on.
        realtime: file only: play at the clip's own speed and drop late frames, instead of reading every frame.
    """

    protocol: Protocol
    url: str = Field(min_length=1, max_length=512)
    credentials_secret_ref: SecretRef | None = None
    transport: Literal["tcp", "udp"] = "tcp"
    loop: bool = False
    realtime: bool = False

    @model_validator(mode="after")
    def _url_fits(self) -> Source:
        parts = urlsplit(self.url)
        if "@" in parts.netloc:
            raise ValueError(
                "url: no user or password here; put them into a Secret and name it in credentialsSecretRef"
            )
        allowed = _SCHEMES[self.protocol]
        if parts.scheme not in allowed:
            expected = " or ".join(f"{scheme}://" for scheme in allowed)
            raise ValueError(f"url: protocol {self.protocol.value} needs an address that begins with {expected}")
        if (self.loop or self.realtime) and self.protocol is not Protocol.FILE:
            raise ValueError("loop, realtime: only a source of protocol file can have them; remove them")
        return self


class Stream(Model):
    """What the stream is expected to be; measured values win over it."""

    codec: Literal["h264", "h265"] | None = None
    width: int | None = Field(default=None, ge=16, le=16384)
    height: int | None = Field(default=None, ge=16, le=16384)
    fps: float | None = Field(default=None, gt=0, le=240)


class Zone(Model):
    """A polygon in shares of the frame's width and height."""

    points: tuple[Point, ...] = Field(min_length=3, max_length=16)


class Analytics(Model):
    """What counts in the picture.

    Attributes:
        roi: plates count only inside one of these; none means everywhere.
        ignore: plates inside one of these never count.
        countries: ISO 3166 alpha-2 codes whose plates are expected.
        min_confidence: readings below it are not published.
        min_plate_width_px: narrower plates are followed but not read.
        frame_skip: frames left out after each one that is looked at.
    """

    lane: str | None = Field(default=None, max_length=50)
    direction: Literal["towards", "away", "both"] = "both"
    roi: tuple[Zone, ...] = Field(default=(), max_length=16)
    ignore: tuple[Zone, ...] = Field(default=(), max_length=16)
    countries: tuple[Annotated[str, Field(pattern="^[A-Z]{2}$")], ...] = Field(default=(), max_length=32)
    min_confidence: Share = 0.5
    min_plate_width_px: int = Field(default=30, ge=0, le=4096)
    frame_skip: int = Field(default=0, ge=0, le=240)


class Placement(Model):
    """Where the camera must be served; one of the two."""

    node_name: Name | None = None
    node_selector: dict[str, str] | None = None

    @model_validator(mode="after")
    def _one(self) -> Placement:
        if self.node_name and self.node_selector:
            raise ValueError("placement: give nodeName or nodeSelector, not both")
        return self


class SiteRef(Model):
    """Names the AlprSite of the same namespace."""

    name: Name


class CameraSpec(Model):
    """What a person wants of a camera."""

    site_ref: SiteRef
    enabled: bool = True
    display_name: str | None = Field(default=None, max_length=100)
    priority: int = Field(default=100, ge=0, le=1000)
    source: Source
    stream: Stream = Stream()
    analytics: Analytics = Analytics()
    placement: Placement = Placement()
    cost_units: int | None = Field(default=None, ge=1, le=10000)
    deletion_policy: Literal["Immediate", "Drain"] = "Immediate"


class CameraStatus(Model):
    """What is so; it holds no number that ticks."""

    observed_generation: int | None = None
    node_name: str | None = None
    epoch: int | None = None
    cost_units: int | None = None
    conditions: tuple[Condition, ...] = Field(default=(), max_length=8)


class Camera(Model):
    """A camera."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["Camera"] = "Camera"
    metadata: Metadata
    spec: CameraSpec
    status: CameraStatus | None = None


# --- AlprSite ---------------------------------------------------------------------------------------------------------


class Container(Model):
    """An image, by digest where it must not move, and its resources as Kubernetes takes them."""

    image: str = Field(max_length=512)
    resources: dict[str, Any] | None = None


class NodeClass(Model):
    """Nodes of one kind of hardware."""

    name: Name
    selector: dict[str, str] = Field(default_factory=dict)
    runtime_class_name: str | None = None
    capacity_units: int | Literal["measured"] = "measured"
    agent: Container | None = None
    pipeline: Container | None = None


class ModelRef(Model):
    """A model by digest."""

    name: Name
    digest: Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")] | None = None


class SiteModels(Model):
    """The two models of a site; left out, the agent's own defaults serve."""

    detector: ModelRef | None = None
    reader: ModelRef | None = None


class RolloutStep(Model):
    """One wave of a rollout."""

    nodes: int | None = Field(default=None, ge=1)
    percent: int | None = Field(default=None, ge=1, le=100)
    soak: str = "10m"


class Rollout(Model):
    """How a change reaches the nodes."""

    strategy: Literal["Canary", "AllAtOnce"] = "Canary"
    steps: tuple[RolloutStep, ...] = Field(default=(), max_length=10)
    gates: dict[str, float] = Field(default_factory=dict)
    auto_rollback: bool = True
    only_ready_nodes: bool = True


class Failover(Model):
    """When the cameras of a lost node move."""

    enabled: bool = True
    after: str = "10m"


class AssignmentPolicy(Model):
    """How cameras find their nodes."""

    policy: Literal["Spread", "Pack"] = "Spread"
    reserve_percent: int = Field(default=10, ge=0, le=90)
    max_moves_per_minute: int = Field(default=30, ge=1, le=1000)
    failover: Failover = Failover()


class SiteSpec(Model):
    """What a person wants of a site."""

    site_id: Name
    display_name: str | None = Field(default=None, max_length=100)
    timezone: str = Field(default="UTC", max_length=64)
    paused: bool = False
    node_classes: tuple[NodeClass, ...] = Field(default=(), max_length=16)
    models: SiteModels = SiteModels()
    rollout: Rollout = Rollout()
    assignment: AssignmentPolicy = AssignmentPolicy()


class SiteStatus(Model):
    """What is so."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = Field(default=(), max_length=8)


class AlprSite(Model):
    """A site: the cameras of one place and the nodes that serve them."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["AlprSite"] = "AlprSite"
    metadata: Metadata
    spec: SiteSpec
    status: SiteStatus | None = None


# --- EdgeAssignment: what a node shall do -----------------------------------------------------------------------------


class CameraConfig(Model):
    """The part of a camera's spec that a node needs."""

    display_name: str | None = None
    enabled: bool = True
    source: Source
    stream: Stream = Stream()
    analytics: Analytics = Analytics()


class AssignedCamera(Model):
    """A camera that this node serves; `epoch` rises when it moves between nodes."""

    name: Name
    uid: str = ""
    generation: int = 1
    epoch: int = 1
    config: CameraConfig


class AssignedModels(Model):
    """The models a node shall run, by digest."""

    detector: ModelRef | None = None
    reader: ModelRef | None = None


class AssignmentSpec(Model):
    """The whole truth for one node.

    Attributes:
        revision: rises with every change; the agent acknowledges it.
        site: the site id that goes into events and event ids.
    """

    format: Literal[1] = Field(default=1, alias="schema")
    node_name: Name
    site: Name
    revision: int = Field(default=1, ge=1)
    models: AssignedModels = AssignedModels()
    cameras: tuple[AssignedCamera, ...] = Field(default=(), max_length=64)
    connect_per_second: float = Field(default=2.0, gt=0, le=100)

    @model_validator(mode="after")
    def _unique(self) -> AssignmentSpec:
        names = [camera.name for camera in self.cameras]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"cameras: {', '.join(twice)} stands twice")
        return self


class EdgeAssignment(Model):
    """What one node shall do; only the operator (or standalone) writes it."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["EdgeAssignment"] = "EdgeAssignment"
    metadata: Metadata
    spec: AssignmentSpec


# --- EdgeReport: what a node does -------------------------------------------------------------------------------------


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

    units: int
    source: Literal["bench", "default"] = "default"


class ReportStatus(Model):
    """What the agent says."""

    applied_revision: int = 0
    applied_models: AssignedModels = AssignedModels()
    capacity: Capacity | None = None
    cameras: tuple[ReportedCamera, ...] = Field(default=(), max_length=64)
    conditions: tuple[Condition, ...] = Field(default=(), max_length=8)


class EdgeReport(Model):
    """What one node does; only that node's agent writes it."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["EdgeReport"] = "EdgeReport"
    metadata: Metadata
    status: ReportStatus = ReportStatus()


Resource = AlprSite | Camera | EdgeAssignment | EdgeReport
KINDS: dict[str, type[AlprSite | Camera | EdgeAssignment | EdgeReport]] = {
    "AlprSite": AlprSite,
    "Camera": Camera,
    "EdgeAssignment": EdgeAssignment,
    "EdgeReport": EdgeReport,
}
