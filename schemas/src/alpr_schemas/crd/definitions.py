"""The four CustomResourceDefinitions around their schemas: names, columns, selectable fields. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from alpr_schemas.crd.structural import structural
from alpr_schemas.resources import GROUP, VERSION, AlprSite, Camera, EdgeAssignment, EdgeReport, Resource


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; one of priority 1 shows with `-o wide` alone."""

    name: str
    path: str
    kind: str = "string"
    priority: int = 0
    description: str = ""

    def wire(self) -> dict[str, Any]:
        """As it stands in a CRD."""
        told = {"name": self.name, "jsonPath": self.path, "type": self.kind}
        more = {"priority": self.priority, "description": self.description}
        return told | {key: value for key, value in more.items() if value}  # the server drops a zero: a diff forever


@dataclass(frozen=True, slots=True)
class Definition:
    """What a CRD says beside its schema."""

    model: type[Resource]
    plural: str
    short: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    people_write: bool = False


def _told(condition: str, what: str = "status") -> str:
    return f".status.conditions[?(@.type=='{condition}')].{what}"


_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date")

DEFINITIONS: Final = (
    Definition(
        AlprSite,
        "alprsites",
        "asite",
        (
            Column("Ready", _told("Ready")),
            Column("Cameras", ".status.cameras.total", "integer", description="All cameras of the site."),
            Column("Streaming", ".status.cameras.streaming", "integer", description="Cameras whose pictures come in."),
            Column("Nodes", ".status.nodes.ready", "integer", description="Nodes that are ready."),
            Column("Rollout", ".status.rollout.phase", description="Where a change of images or models stands."),
            _AGE,
            Column("Reason", _told("Ready", "reason"), priority=1),
            Column("Detector", ".spec.models.detector.name", priority=1),
            Column("Reader", ".spec.models.reader.name", priority=1),
            Column("Name", ".spec.displayName", priority=1),
        ),
        people_write=True,
    ),
    Definition(
        Camera,
        "cameras",
        "cam",
        (
            Column("Site", ".spec.siteRef.name"),
            Column("Node", ".status.nodeName", description="The node that serves it."),
            Column("Ready", _told("Ready")),
            Column("Streaming", _told("Streaming"), description="Whether its pictures come in."),
            Column("Reason", _told("Ready", "reason")),
            _AGE,
            Column("URL", ".spec.source.url", priority=1),
            Column("Units", ".status.costUnits", "integer", priority=1),
            Column("Name", ".spec.displayName", priority=1),
        ),
        (".spec.siteRef.name", ".status.nodeName"),
        people_write=True,
    ),
    Definition(
        EdgeAssignment,
        "edgeassignments",
        "eassign",
        (
            Column("Site", ".spec.site"),
            Column("Node", ".spec.nodeName"),
            Column("Revision", ".spec.revision", "integer", description="The agent reports it when it has applied it."),
            _AGE,
        ),
        (".spec.nodeName", ".spec.site"),
    ),
    Definition(
        EdgeReport,
        "edgereports",
        "ereport",
        (
            Column("Applied", ".status.appliedRevision", "integer", description="The revision that the node serves."),
            Column("Units", ".status.capacity.units", "integer", description="What the node can carry."),
            _AGE,
            Column("Agent", ".status.agentVersion", priority=1),
        ),
    ),
)


def definitions() -> dict[str, dict[str, Any]]:
    """Each CRD as it is applied, by its plural name."""
    return {told.plural: _definition(told) for told in DEFINITIONS}


def _definition(told: Definition) -> dict[str, Any]:
    kind = told.model.__name__
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _schema(told)},
        "additionalPrinterColumns": [column.wire() for column in told.columns],
    }
    version["subresources"] = {"status": {}}
    if told.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in told.selectable]
    names = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": told.plural,
        "singular": kind.lower(),
        "shortNames": [told.short],
        "categories": ["alpr"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{told.plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def _schema(told: Definition) -> dict[str, Any]:
    schema = structural(told.model, defaults=told.people_write)
    properties = schema["properties"]
    # The server knows these three; only the kind's own parts are the model's.
    name = {"type": "object", "properties": {"name": {"type": "string"}}}  # so that a rule can name the field
    properties |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": name}
    if told.people_write:
        properties["status"] = _without_defaults(properties["status"])
    schema.pop("required", None)  # an empty list is dropped by the server: a diff forever
    return {**schema, "required": ["spec"]} if "spec" in properties else schema


def _without_defaults(schema: Any) -> Any:
    """The schema of a status: machines write it whole, and a default would be written into it."""
    if isinstance(schema, dict):
        return {key: _without_defaults(value) for key, value in schema.items() if key != "default"}
    return [_without_defaults(value) for value in schema] if isinstance(schema, list) else schema
