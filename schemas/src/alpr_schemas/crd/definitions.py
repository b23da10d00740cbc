"""The four CustomResourceDefinitions around their schemas: names, columns, selectable fields. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from alpr_schemas.crd.structural import structural
from alpr_schemas.resources import GROUP, VERSION, AlprSite, Camera, EdgeAssignment, EdgeReport, Resource
from alpr_schemas.resources.rules import VALIDATIONS, Rule


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
        told: dict[str, Any] = {"name": self.name, "jsonPath": self.path, "type": self.kind}
        told |= {"priority": self.priority} if self.priority else {}  # a zero is dropped by the server: a diff forever
        return told | ({"description": self.description} if self.description else {})


@dataclass(frozen=True, slots=True)
class Definition:
    """What a CRD says beside its schema."""

    model: type[Resource]
    plural: str
    short: str
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = field(default=())


def _told(condition: str, what: str = "status") -> str:
    return f".status.conditions[?(@.type=='{condition}')].{what}"


_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date")
_SHORT_NAME: Final = Rule(
    "self.metadata.name.size() <= 63",
    "metadata.name: use 1 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both ends",
)
_NODE_S_OWN: Final = Rule("self.spec.nodeName == self.metadata.name", "spec.nodeName: it must be the object's own name")

DEFINITIONS: Final = (
    Definition(
        AlprSite,
        "alprsites",
        "asite",
        (
            Column("Ready", _told("Ready")),
            Column("Cameras", ".status.cameras.total", "integer"),
            Column("Streaming", ".status.cameras.streaming", "integer"),
            Column("Nodes", ".status.nodes.ready", "integer", description="Nodes that are ready."),
            Column("Model", ".spec.models.detector.name", priority=1),
            Column("Rollout", ".status.rollout.phase"),
            Column("Reason", _told("Ready", "reason"), priority=1),
            _AGE,
        ),
        rules=(_SHORT_NAME,),
    ),
    Definition(
        Camera,
        "cameras",
        "cam",
        (
            Column("Site", ".spec.siteRef.name"),
            Column("Node", ".status.nodeName"),
            Column("Ready", _told("Ready")),
            Column("Reason", _told("Ready", "reason")),
            Column("Name", ".spec.displayName", priority=1),
            Column("Address", ".spec.source.url", priority=1),
            Column("Units", ".status.costUnits", "integer", priority=1),
            _AGE,
        ),
        (".spec.siteRef.name", ".status.nodeName"),
        (_SHORT_NAME,),
    ),
    Definition(
        EdgeAssignment,
        "edgeassignments",
        "eassign",
        (
            Column("Site", ".spec.site"),
            Column("Revision", ".spec.revision", "integer"),
            Column("Cameras", ".spec.cameras[*].name", priority=1),
            _AGE,
        ),
        (".spec.nodeName",),
        (_NODE_S_OWN,),
    ),
    Definition(
        EdgeReport,
        "edgereports",
        "ereport",
        (
            Column("Applied", ".status.appliedRevision", "integer"),
            Column("Units", ".status.capacity.units", "integer"),
            Column("Agent", ".status.agentVersion", priority=1),
            _AGE,
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
    schema = structural(told.model)
    schema["properties"] |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    schema.pop("required", None)
    if told.model is not EdgeReport:
        schema["required"] = ["spec"]
    if told.rules:
        schema[VALIDATIONS] = [rule.wire() for rule in told.rules]
    return schema
