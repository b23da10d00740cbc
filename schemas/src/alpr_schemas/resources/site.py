"""AlprSite: what a person writes of one site."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from alpr_schemas.resources.meta import API_VERSION, Condition, Digest, Duration, Labels, Metadata, Model, Name, Share
from alpr_schemas.resources.rules import Matching, Rule


class Container(Model):
    """An image, by digest where it must not move, and its resources as Kubernetes takes them."""

    image: str | None = Field(default=None, min_length=1, max_length=512)
    resources: dict[str, Any] | None = None


class Gpu(Model):
    """How a pod gets its GPU: by the runtime class alone, counted by a device plug-in, or not at all."""

    mode: Literal["runtimeClass", "devicePlugin", "none"] = "runtimeClass"


class NodeClass(Model):
    """Nodes of one kind of hardware; a class named as one that is shipped starts from that one's values.

    Attributes:
        selector: labels of its nodes; left out, `ovr-alpr.io/node-class` with the class's name.
        capacity_units: what a node of it can carry, or "measured" for what the agent finds out.
    """

    name: Name
    selector: Labels = Field(default_factory=dict, max_length=16)
    gpu: Gpu | None = None
    runtime_class_name: Name | None = None
    capacity_units: Annotated[int, Field(ge=1, le=100_000)] | Literal["measured"] | None = None
    agent: Container = Container()
    pipeline: Container = Container()

    RULES: ClassVar = (
        Rule(
            "!has(self.runtimeClassName) || !has(self.gpu) || self.gpu.mode != 'none'",
            "runtimeClassName: a class with gpu.mode none has no use for it; remove one of the two",
            lambda told: told.runtime_class_name is None or told.gpu is None or told.gpu.mode != "none",
        ),
        Rule(
            "!has(self.capacityUnits) || (type(self.capacityUnits) == int ? (self.capacityUnits >= 1 && "
            "self.capacityUnits <= 100000) : self.capacityUnits == 'measured')",
            "capacityUnits: give 1 to 100000, or measured",
        ),
    )


class ModelRef(Model):
    """A model by digest, and where it is fetched from: `https://`, `s3://` or `file://`."""

    name: Name
    digest: Digest | None = None
    url: str | None = Field(default=None, min_length=1, max_length=512)

    RULES: ClassVar = (
        Rule(
            "!has(self.url) || has(self.digest)",
            "digest: a model that is fetched from a url needs its digest (sha256sum FILE)",
            lambda model: model.url is None or model.digest is not None,
        ),
        Rule(
            "!has(self.url) || self.url.startsWith('https://') || self.url.startsWith('s3://') || "
            "self.url.startsWith('file://')",
            "url: a model comes from an address that begins with https://, s3:// or file://",
            lambda model: model.url is None or model.url.startswith(("https://", "s3://", "file://")),
        ),
        Rule(
            "!has(self.url) || !self.url.matches('^[^/?#]*//[^/?#]*@')",
            "url: no user or password here; agents have their own credentials for a store",
            lambda model: model.url is None or "@" not in urlsplit(model.url).netloc,
        ),
    )


class SiteModels(Model):
    """The two models of a site; left out, the agent's own defaults serve."""

    detector: ModelRef | None = None
    reader: ModelRef | None = None


class RolloutStep(Model):
    """One wave of a rollout: up to so many nodes, or so many of a hundred, then a wait before the next."""

    nodes: int | None = Field(default=None, ge=1, le=5000)
    percent: int | None = Field(default=None, ge=1, le=100)
    soak: Duration = "10m"

    RULES: ClassVar = (
        Rule(
            "has(self.nodes) != has(self.percent)",
            "steps: give each step nodes or percent, one of the two",
            lambda step: (step.nodes is None) != (step.percent is None),
        ),
    )


class Gates(Model):
    """What nodes of a wave must keep to; a gate that is left out is not looked at.

    Attributes:
        min_fps_ratio: frames a second that are worked on, of those that were asked for.
        max_error_ratio: cameras that do not stream, of those that are assigned.
        min_read_ratio: readings a pass, of those before the change.
        self_test_score: the score of the model's own test on its bundled clip.
    """

    min_fps_ratio: Share | None = None
    max_error_ratio: Share | None = None
    min_read_ratio: Share | None = None
    self_test_score: Share | None = None


Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
ClockTime = Annotated[str, Matching(r"([01][0-9]|2[0-3]):[0-5][0-9]", "write a time of day like 02:30", 5)]


class Window(Model):
    """When nodes may change, in the site's time zone; one that ends before it starts goes past midnight."""

    days: tuple[Weekday, ...] = Field(default=(), max_length=7)
    start: ClockTime
    end: ClockTime

    RULES: ClassVar = (
        Rule(
            "self.start != self.end",
            "windows: start and end must differ; leave windows out to allow changes at any time",
            lambda window: window.start != window.end,
        ),
    )


class Rollout(Model):
    """How a change of image or model reaches the nodes."""

    strategy: Literal["Canary", "AllAtOnce"] = "Canary"
    steps: tuple[RolloutStep, ...] = Field(default=(), max_length=10)
    gates: Gates = Gates()
    auto_rollback: bool = True
    max_unavailable: int = Field(default=1, ge=1, le=5000)
    windows: tuple[Window, ...] = Field(default=(), max_length=16)
    only_ready_nodes: bool = True


class Failover(Model):
    """When the cameras of a lost node move."""

    enabled: bool = True
    after: Duration = "10m"


class AssignmentPolicy(Model):
    """How cameras find their nodes."""

    policy: Literal["Spread", "Pack"] = "Spread"
    stickiness: bool = True
    reserve_percent: int = Field(default=10, ge=0, le=90)
    max_moves_per_minute: int = Field(default=30, ge=1, le=1000)
    failover: Failover = Failover()


HostPath = Annotated[
    str, Matching(r"/var/lib/alpr-edge(/[a-z0-9][a-z0-9.-]*)*", "hostPath must be /var/lib/alpr-edge or below it", 255)
]
TimeZone = Annotated[
    str, Matching(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", "give a time zone's name, like Europe/Berlin", 64)
]


class Edge(Model):
    """What holds for every node of the site.

    Attributes:
        credentials: Sealed puts each camera's password, sealed to the node's key, into its assignment; Secret lets the
            agents read the named Secrets themselves.
        offline_tolerance: how long nodes may be away before the site says that it is not well.
        report_refresh: how often a node reports where nothing changed.
        host_path: where nodes keep their files; always below /var/lib/alpr-edge.
        node_selector: labels of the site's nodes; left out, `ovr-alpr.io/site` with the AlprSite's name.
    """

    credentials: Literal["Sealed", "Secret"] = "Sealed"
    offline_tolerance: Duration = "15m"
    report_refresh: Duration = "5m"
    host_path: HostPath = "/var/lib/alpr-edge"
    node_selector: Labels = Field(default_factory=dict, max_length=16)


class SinksRef(Model):
    """Names a ConfigMap of the same namespace whose `config.yaml` tells agents where events and images go."""

    name: Name


class SiteSpec(Model):
    """What a person wants of a site."""

    site_id: Name
    display_name: str | None = Field(default=None, max_length=100)
    timezone: TimeZone = "UTC"
    paused: bool = False
    node_classes: tuple[NodeClass, ...] = Field(default=(), max_length=16)
    models: SiteModels = SiteModels()
    rollout: Rollout = Rollout()
    assignment: AssignmentPolicy = AssignmentPolicy()
    edge: Edge = Edge()
    sinks_ref: SinksRef | None = None

    RULES: ClassVar = (
        Rule("self.siteId == oldSelf.siteId", "siteId: it cannot change, events bear it; make another AlprSite"),
        Rule(
            "self.nodeClasses.all(one, self.nodeClasses.exists_one(other, other.name == one.name))",
            "nodeClasses: two classes have one name; give each its own",
            lambda spec: len({one.name for one in spec.node_classes}) == len(spec.node_classes),
        ),
    )


class NodeCounts(Model):
    """Nodes of the site."""

    desired: int = 0
    ready: int = 0
    offline: int = 0


class CameraCounts(Model):
    """Cameras of the site."""

    total: int = 0
    assigned: int = 0
    streaming: int = 0
    unassigned: int = 0


class UnitCounts(Model):
    """Capacity units of the site."""

    total: int = 0
    used: int = 0


class RolloutStatus(Model):
    """Where a change stands.

    Attributes:
        phase: Idle (all nodes agree), Progressing, Waiting (for a window, or for offline nodes), RolledBack.
        from_digest: what the nodes had before; to_digest: what they are getting. Both are digests over everything
            that rolls (images and models), see `alpr_operator.rollout`.
        step: the wave that runs, from 0.
        updated: nodes that have the new state.
        step_started_at: when the nodes of this step had all changed; its soak counts from there.
        changed_at: when a node was last told to change, or came up changed.
        failed_digest: a state that broke a gate; it is not tried again until the spec changes.
        from_state: the state before, packed, so that it can be written again (see `alpr_operator.rollout`).
        to_state: the state that nodes are getting.
    """

    phase: Literal["Idle", "Progressing", "Waiting", "RolledBack"] = "Idle"
    from_digest: str | None = Field(default=None, max_length=80)
    to_digest: str | None = Field(default=None, max_length=80)
    step: int = 0
    updated: int = 0
    total: int = 0
    started_at: datetime | None = None
    step_started_at: datetime | None = None
    changed_at: datetime | None = None
    failed_digest: str | None = Field(default=None, max_length=80)
    from_state: str | None = Field(default=None, max_length=65536)
    to_state: str | None = Field(default=None, max_length=65536)
    message: str = Field(default="", max_length=1024)


class SiteStatus(Model):
    """What is so."""

    observed_generation: int | None = None
    conditions: tuple[Condition, ...] = Field(default=(), max_length=8)
    nodes: NodeCounts | None = None
    cameras: CameraCounts | None = None
    units: UnitCounts | None = None
    rollout: RolloutStatus | None = None
    assignment_revision: int | None = None


class AlprSite(Model):
    """A site: the cameras of one place and the nodes that serve them."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["AlprSite"] = "AlprSite"
    metadata: Metadata
    spec: SiteSpec
    status: SiteStatus | None = None
