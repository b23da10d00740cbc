"""What every kind has: metadata, conditions, and how names stand on the wire."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel

from alpr_schemas.resources.docstrings import attributes, summary
from alpr_schemas.resources.rules import VALIDATIONS, AtCreation, Rule, Transition, matching, refuse_broken

GROUP: Final = "ovr-alpr.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "ovr-alpr.io/v1alpha1"

_END: Final = "with a letter or digit at both ends"
_PATTERN: Final = "[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?"
_NAME: Final = matching(_PATTERN, f"use 1 to 63 of a-z, 0-9, '-' and '.', {_END}")
_NODE_NAME: Final = matching("[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", f"use 1 to 253 of a-z, 0-9, '-' and '.', {_END}")
_DIGEST: Final = matching("sha256:[0-9a-f]{64}", "give the digest as sha256: and 64 hex digits (sha256sum FILE)")
_DURATION: Final = matching("([0-9]{1,4}[smh])+", "write a duration like 90s, 10m or 1h30m")
_LABEL: Final = re.compile("([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII)
_LABEL_VALUE: Final = matching(
    "([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?",
    f"use at most 63 of letters, digits, '-', '_' and '.', {_END}",
)
_LABEL_NAMES: Final = Rule(
    f"self.all(name, name.matches('^({_LABEL.pattern})$'))",
    "write a label's name like rack or example.com/rack",
    lambda labels: all(_LABEL.fullmatch(name) for name in labels),
)

# The bound stands before the rule: the server reckons a rule's cost from it, and programs tell it first.
Name = Annotated[str, Field(max_length=63), _NAME]
NodeName = Annotated[str, Field(max_length=253), _NODE_NAME]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, Field(max_length=71), _DIGEST]
Duration = Annotated[str, Field(max_length=16), _DURATION]
# Written whole by one writer. Otherwise what a server-side apply makes empty becomes null, which is no object.
WHOLE: Final[dict[str, JsonValue]] = {"x-kubernetes-map-type": "atomic"}
Labels = Annotated[
    dict[str, Annotated[str, Field(max_length=63), _LABEL_VALUE]],
    Field(max_length=16, json_schema_extra=WHOLE),
    _LABEL_NAMES,
]

_UNIT_S = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> int:
    """A Duration such as `1h30m` in seconds. Raises ValueError for anything else."""
    parts = re.findall(r"([0-9]{1,4})([smh])", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is no duration; write it like 90s, 10m or 1h30m")
    return sum(int(number) * _UNIT_S[unit] for number, unit in parts)


def _as_kubernetes_says(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Add to the JSON schema of `model` what a CRD says beyond it: rules, and each field's words."""
    if not issubclass(model, Model):
        return
    schema["description"] = summary(model.__doc__ or "")
    if rules := [rule.wire() for rule in (*model.rules, *model.transitions)]:
        schema[VALIDATIONS] = rules
    words = attributes(model.__doc__ or "")
    for name, field in model.model_fields.items():
        if name in words:
            schema["properties"][field.alias or name]["description"] = words[name]


class Model(BaseModel):
    """Camel case outside, snake case inside, unknown fields ignored, values never change.

    Attributes:
        rules: what holds between fields.
        transitions: what an update keeps to; the API server and `alpr_schemas.verdicts` look at them, reading does not.
    """

    rules: ClassVar[tuple[Rule | AtCreation, ...]] = ()
    transitions: ClassVar[tuple[Transition, ...]] = ()
    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        protected_namespaces=(),
        json_schema_extra=_as_kubernetes_says,
    )

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        if self.rules:
            refuse_broken(self, self.rules)
        return self

    def wire(self) -> dict[str, Any]:
        """As it stands in YAML or JSON: camelCase, without what is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(Model):
    """The part of Kubernetes' object metadata that we read."""

    name: Annotated[str, _NAME]
    namespace: Name | None = None
    uid: str | None = None
    generation: int = 1
    resource_version: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class _NodeMetadata(Metadata):
    name: Annotated[str, _NODE_NAME]


def node_metadata(metadata: object) -> object:
    """The Metadata in a mapping, of an object that is named as its Node: such names may have 253 characters."""
    if not isinstance(metadata, dict):
        return metadata
    return Metadata.model_construct(**dict(_NodeMetadata.model_validate(metadata)))


# Metadata has checked it when a program reads; the server has not.
NAMED = AtCreation(
    Rule(f"self.metadata.name.matches('^({_PATTERN})$')", _NAME.message, lambda _: True, "metadata.name"),
)


class Condition(Model):
    """One thing that is so or is not, told as Kubernetes' own kinds tell it.

    Attributes:
        type: what it is about, such as Ready.
        status: True, False or Unknown.
        reason: one word, for programs.
        message: one sentence, for people.
        last_transition_time: when the status last changed.
        observed_generation: the generation of the spec that this was found for.
    """

    type: str = Field(max_length=64)
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(max_length=64)
    message: str = Field(default="", max_length=1024)
    last_transition_time: datetime | None = None
    observed_generation: int | None = None


Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]
