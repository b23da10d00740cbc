"""AlprSite: what a person writes of one site."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from alpr_schemas.resources.meta import (
    API_VERSION,
    NAMED,
    WHOLE,
    Conditions,
    Count,
    Digest,
    Duration,
    Labels,
    Metadata,
    Model,
    Name,
    Share,
)
from alpr_schemas.resources.quantities import Resources
from alpr_schemas.resources.rules import Rule, immutable, matching, no_credentials, one_of_schemes


class Container(Model):
    """An image, by digest where it must not move, and its resources as Kubernetes takes them.

    Attributes:
        image: the image; left out, the operator's own for this hardware.
        resources: requests and limits; left out, those of the class that is shipped.
    """

    image: str | None = Field(default=None, min_length=1, max_length=512)
    resources: Resources | None = None


class Gpu(Model):
    """How a pod gets its GPU: by the runtime class alone, counted by a device plug-in, or not at all.

    Attributes:
        mode: one of runtimeClass, devicePlugin and none.
    """

    mode: Literal["runtimeClass", "devicePlugin", "none"] = "runtimeClass"


def _units(value: Any) -> bool:
    return value == "measured" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100_000)


Units = Annotated[
    int | Literal["measured"],
    Rule(
        "type(self) == int ? self >= 1 && self <= 100000 : self == 'measured'",
        "give a whole number from 1 to 100000, or the word measured",
        _units,
        before=True,
    ),
]


class NodeClass(Model):
    """Nodes of one kind of hardware; a class named as one that is shipped starts from that one's values.

    Attributes:
        name: one of jetson-orin-nano, jetson-orin-nx, jetson-agx-orin, jetson-thor, cpu, or a name of your own.
        selector: labels of its nodes; left out, `ovr-alpr.io/node-class` with the class's name.
        gpu: how its pods get a GPU.
        runtime_class_name: the RuntimeClass of its pods, where the GPU comes by one.
        capacity_units: what a node of it can carry, or "measured" for what the agent finds out.
        agent: the container that speaks to the cluster.
        pipeline: the container that reads plates.
    """

    name: Name
    selector: Labels = Field(default_factory=dict)
    gpu: Gpu | None = None
    runtime_class_name: Name | None = None
    capacity_units: Units | None = None
    agent: Container = Container()
    pipeline: Container = Container()

    rules: ClassVar = (
        Rule(
            "!has(self.runtimeClassName) || !has(self.gpu) || !has(self.gpu.mode) || self.gpu.mode != 'none'",
            "a class with gpu.mode none has no use for it; remove one of the two",
            lambda told: told.runtime_class_name is None or told.gpu is None or told.gpu.mode != "none",
            "runtimeClassName",
        ),
    )


class ModelRef(Model):
    """A model by digest, and where it is fetched from.

    Attributes:
        name: what people call it.
        digest: sha256: and 64 hex digits; what is fetched is used only if it has it.
        url: https://, s3:// or file://; left out, a model that the edge image brings.
    """

    name: Name
    digest: Digest | None = None
    url: str | None = Field(default=None, min_length=1, max_length=512)

    rules: ClassVar = (
        Rule(
            "!has(self.url) || has(self.digest)",
            "a model that is fetched from a url needs its digest (sha256sum FILE)",
            lambda model: model.url is None or model.digest is not None,
        ),
        one_of_schemes(
            ("https", "s3", "file"),
            "a model comes from an address that begins with https://, s3:// or file://",
            "has(self.url)",
            lambda model: model.url is not None,
        ),
        no_credentials("no user or password here; agents have their own credentials for a store"),
    )


class SiteModels(Model):
    """The two models of a site; left out, the agent's own defaults serve.

    Attributes:
        detector: finds plates in a picture.
        reader: reads a plate's characters.
    """

    detector: ModelRef | None = None
    reader: ModelRef | None = None


class RolloutStep(Model):
    """One wave of a rollout: up to so many nodes, or so many of a hundred, then a wait before the next.

    Attributes:
        nodes: nodes that have changed after this wave.
        percent: the same in hundredths of the site's nodes.
        soak: how long the changed nodes must keep to the gates before the next wave.
    """

    nodes: int | None = Field(default=None, ge=1, le=5000)
    percent: int | None = Field(default=None, ge=1, le=100)
    soak: Duration = "10m"

    rules: ClassVar = (
        Rule(
            "has(self.nodes) != has(self.percent)",
            "give a step nodes or percent, one of the two",
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
ClockTime = Annotated[
    str, Field(max_length=16), matching("([01][0-9]|2[0-3]):[0-5][0-9]", 'write a time of day like "02:30"')
]


class Window(Model):
    """When nodes may change, in the site's time zone; one that ends before it starts goes past midnight.

    Attributes:
        days: the days on which it starts; left out, every day.
        start: time of day such as "22:00".
        end: time of day; before the start it means the next day's.
    """

    days: tuple[Weekday, ...] = Field(default=(), max_length=7)
    start: ClockTime
    end: ClockTime

    rules: ClassVar = (
        Rule(
            "self.start != self.end",
            "end must differ from start; leave windows out to allow changes at any time",
            lambda window: window.start != window.end,
            "end",
        ),
    )


class Rollout(Model):
    """How a change of image or model reaches the nodes.

    Attributes:
        strategy: Canary goes in waves and looks at the gates between them; AllAtOnce does not wait.
        steps: the waves; left out, one node, then 10, 50 and 100 of a hundred.
        gates: what changed nodes must keep to.
        auto_rollback: back to the state before where a gate is broken.
        max_unavailable: nodes that may be changing at a time.
        windows: when nodes may change; left out, at any time.
        only_ready_nodes: waves count ready nodes alone; the others change when they come back.
    """

    strategy: Literal["Canary", "AllAtOnce"] = "Canary"
    steps: tuple[RolloutStep, ...] = Field(default=(), max_length=10)
    gates: Gates = Gates()
    auto_rollback: bool = True
    max_unavailable: int = Field(default=1, ge=1, le=5000)
    windows: tuple[Window, ...] = Field(default=(), max_length=16)
    only_ready_nodes: bool = True


class Failover(Model):
    """When the cameras of a lost node move.

    Attributes:
        enabled: whether they move at all.
        after: how long a node must be away.
    """

    enabled: bool = True
    after: Duration = "10m"


class AssignmentPolicy(Model):
    """How cameras find their nodes.

    Attributes:
        policy: Spread evens the load out, Pack fills one node after another.
        stickiness: a camera stays where it is for as long as it fits there.
        reserve_percent: capacity that stays free for cameras of lost nodes.
        max_moves_per_minute: cameras of the site that may move in a minute.
        failover: when the cameras of a lost node move.
    """

    policy: Literal["Spread", "Pack"] = "Spread"
    stickiness: bool = True
    reserve_percent: int = Field(default=10, ge=0, le=90)
    max_moves_per_minute: int = Field(default=30, ge=1, le=1000)
    failover: Failover = Failover()


HostPath = Annotated[
    str,
    Field(max_length=255),
    matching("/var/lib/alpr-edge(/[a-z0-9][a-z0-9.-]*)*", "give /var/lib/alpr-edge or a folder below it"),
]
TimeZone = Annotated[
    str,
    Field(max_length=64),
    matching("[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", "give a time zone's name, like Europe/Berlin"),
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
    node_selector: Labels = Field(default_factory=dict)


class SinksRef(Model):
    """Says where agents send events and images.

    Attributes:
        name: of a ConfigMap of this namespace whose keys are variables of the agent (KAFKA_BOOTSTRAP_SERVERS,
            ALPR_AGENT_IMAGES_URL, ...), and of a Secret whose keys are files below /etc/ovr-alpr/sinks.
    """

    name: Name


class SiteSpec(Model):
    """What a person wants of a site.

    Attributes:
        site_id: the site in events and in their ids; it cannot change.
        display_name: what people call it.
        timezone: of the site, such as Europe/Berlin; windows are in it.
        paused: the operator writes nothing for the site but its status; what runs goes on.
        node_classes: what is particular about the site's hardware; left out, the classes that are shipped.
        models: what reads its plates.
        rollout: how changes reach its nodes.
        assignment: how cameras find its nodes.
        edge: what holds for every node.
        sinks_ref: the ConfigMap and the Secret that say where events and images go.
    """

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

    transitions: ClassVar = (immutable("siteId", "site_id", "past events bear it; make another AlprSite instead"),)
    rules: ClassVar = (
        Rule(
            "!has(self.nodeClasses) || self.nodeClasses.all(a, self.nodeClasses.exists_one(b, a.name == b.name))",
            "two classes have one name; give each its own",
            lambda spec: len({told.name for told in spec.node_classes}) == len(spec.node_classes),
            "nodeClasses",
        ),
    )


class NodeCounts(Model):
    """Nodes of the site.

    Attributes:
        desired: all of them.
        ready: those that are ready.
        offline: those that are not.
    """

    desired: Count = 0
    ready: Count = 0
    offline: Count = 0


class CameraCounts(Model):
    """Cameras of the site.

    Attributes:
        total: all of them.
        assigned: those with a node.
        streaming: those whose pictures come in.
        unassigned: those that wait for a node.
    """

    total: Count = 0
    assigned: Count = 0
    streaming: Count = 0
    unassigned: Count = 0


class UnitCounts(Model):
    """Capacity units of the site.

    Attributes:
        total: what its ready nodes can carry.
        used: what its cameras take.
    """

    total: Count = 0
    used: Count = 0


class RolloutStatus(Model):
    """Where a change stands.

    Attributes:
        phase: Idle (all nodes agree), Progressing, Waiting (for a window, or for offline nodes), RolledBack.
        from_digest: what the nodes had before; a digest over everything that rolls (images and models).
        to_digest: what they are getting.
        step: the wave that runs, from 0.
        updated: nodes that have the new state.
        total: nodes that shall have it.
        started_at: when the change began.
        step_started_at: when the nodes of this step had all changed; its soak counts from there.
        changed_at: when a node was last told to change, or came up changed.
        failed_digest: a state that broke a gate; it is not tried again until the spec changes.
        from_state: the state before, packed, so that it can be written again (see `alpr_operator.rollout`).
        to_state: the state that nodes are getting.
        message: where the change stands, for people.
    """

    phase: Literal["Idle", "Progressing", "Waiting", "RolledBack"] = "Idle"
    from_digest: str | None = Field(default=None, max_length=80)
    to_digest: str | None = Field(default=None, max_length=80)
    step: Count = 0
    updated: Count = 0
    total: Count = 0
    started_at: datetime | None = None
    step_started_at: datetime | None = None
    changed_at: datetime | None = None
    failed_digest: str | None = Field(default=None, max_length=80)
    from_state: str | None = Field(default=None, max_length=65536)
    to_state: str | None = Field(default=None, max_length=65536)
    message: str = Field(default="", max_length=1024)


class SiteStatus(Model):
    """What is so.

    Attributes:
        observed_generation: the generation of the spec that the rest was found for.
        conditions: Ready, Reconciling, Stalled, CapacitySufficient, AgentsAvailable and RolloutProgressing.
        nodes: how many there are.
        cameras: how many there are.
        units: capacity, and what is taken of it.
        rollout: where a change of images or models stands.
        assignment_revision: the sum of the revisions of all assignments.
    """

    observed_generation: int | None = None
    conditions: Conditions = ()
    nodes: NodeCounts | None = Field(default=None, json_schema_extra=WHOLE)
    cameras: CameraCounts | None = Field(default=None, json_schema_extra=WHOLE)
    units: UnitCounts | None = Field(default=None, json_schema_extra=WHOLE)
    rollout: RolloutStatus | None = Field(default=None, json_schema_extra=WHOLE)
    assignment_revision: int | None = None


class AlprSite(Model):
    """A site: the cameras of one place and the nodes that serve them."""

    api_version: Literal["ovr-alpr.io/v1alpha1"] = API_VERSION
    kind: Literal["AlprSite"] = "AlprSite"
    metadata: Metadata
    spec: SiteSpec
    status: SiteStatus | None = None

    rules: ClassVar = (NAMED,)
