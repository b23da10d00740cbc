"""EdgeAssignment and EdgeReport: what a node shall do, and what it does. Machines write both."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from alpr_schemas.resources.camera import Analytics, Source, Stream
from alpr_schemas.resources.meta import API_VERSION, Condition, Metadata, Model, Name
from alpr_schemas.resources.site import ModelRef


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
