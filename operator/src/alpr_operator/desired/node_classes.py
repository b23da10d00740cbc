"""Node classes: what is shipped, and what a site makes of it. Pure.

Capacity units are those of `alpr_operator.plan.cost_units`. The shipped figures are cautious guesses that hold until a
node's agent has measured itself; they were not verified on a Jetson.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from alpr_operator.settings import Images
from alpr_operator.store.objects import CLASS_LABEL
from alpr_schemas.resources import NodeClass, SiteSpec

GpuMode = Literal["runtimeClass", "devicePlugin", "none"]
# Once, for the first trial of models, the agent draws a clip: 700 MiB; else it stays below 100.
_AGENT_RESOURCES: Final = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}


@dataclass(frozen=True, slots=True)
class EdgeClass:
    """A node class with everything filled in.

    Attributes:
        units: capacity of its nodes where nothing was measured, or where `measured` is False.
        measured: whether the agent's own figure wins.
    """

    name: str
    selector: Mapping[str, str]
    gpu: GpuMode
    runtime_class: str | None
    units: int
    measured: bool
    agent_image: str
    pipeline_image: str
    agent_resources: Mapping[str, Any]
    pipeline_resources: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Shipped:
    units: int
    cpu: str
    memory: str
    jetson: bool = True


SHIPPED: Final[Mapping[str, _Shipped]] = {
    "jetson-orin-nano": _Shipped(units=8, cpu="2", memory="3Gi"),
    "jetson-orin-nx": _Shipped(units=16, cpu="3", memory="6Gi"),
    "jetson-agx-orin": _Shipped(units=32, cpu="6", memory="16Gi"),
    "jetson-thor": _Shipped(units=64, cpu="8", memory="32Gi"),
    "cpu": _Shipped(units=2, cpu="1", memory="1Gi", jetson=False),
}


def node_classes(spec: SiteSpec, images: Images) -> tuple[EdgeClass, ...]:
    """All classes of a site: its own in their order, then the shipped ones that it does not name."""
    own = {told.name: told for told in spec.node_classes}
    classes = [_of(told, images) for told in spec.node_classes]
    classes += [_shipped(name, images) for name in SHIPPED if name not in own]
    return tuple(classes)


def class_of(labels: Mapping[str, str], classes: tuple[EdgeClass, ...]) -> EdgeClass | None:
    """The class of a node with `labels`: the first whose selector fits."""
    return next((known for known in classes if known.selector.items() <= labels.items()), None)


def overlapping(labels: Mapping[str, str], classes: tuple[EdgeClass, ...]) -> tuple[str, ...]:
    """The names of all classes that want a node with `labels`; more than one is a mistake."""
    return tuple(known.name for known in classes if known.selector.items() <= labels.items())


def _shipped(name: str, images: Images) -> EdgeClass:
    figures = SHIPPED.get(name, SHIPPED["cpu"])
    image = images.jetson if figures.jetson else images.cpu
    return EdgeClass(
        name=name,
        selector={CLASS_LABEL: name},
        gpu="runtimeClass" if figures.jetson else "none",
        runtime_class="nvidia" if figures.jetson else None,
        units=figures.units,
        measured=True,
        agent_image=image,
        pipeline_image=image,
        agent_resources=_AGENT_RESOURCES,
        pipeline_resources={
            "requests": {"cpu": figures.cpu, "memory": figures.memory},
            "limits": {"memory": figures.memory},
        },
    )


def _of(told: NodeClass, images: Images) -> EdgeClass:
    base = _shipped(told.name, images)
    mode: GpuMode = told.gpu.mode if told.gpu else base.gpu
    if told.gpu is None and told.runtime_class_name:
        mode = "runtimeClass"
    runtime = told.runtime_class_name or base.runtime_class or ("nvidia" if mode == "runtimeClass" else None)
    return replace(
        base,
        selector=dict(told.selector) or base.selector,
        gpu=mode,
        runtime_class=runtime if mode != "none" else None,
        units=told.capacity_units if isinstance(told.capacity_units, int) else base.units,
        measured=not isinstance(told.capacity_units, int),
        agent_image=told.agent.image or told.pipeline.image or base.agent_image,
        pipeline_image=told.pipeline.image or told.agent.image or base.pipeline_image,
        agent_resources=told.agent.resources or base.agent_resources,
        pipeline_resources=told.pipeline.resources or base.pipeline_resources,
    )
