"""AlprSite: what a person writes of one site."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from alpr_schemas.resources.meta import API_VERSION, Condition, Metadata, Model, Name


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
