"""What every kind has: metadata, conditions, and how names stand on the wire."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from alpr_schemas.resources.rules import VALIDATIONS, Matching, Rule

GROUP: Final = "ovr-alpr.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "ovr-alpr.io/v1alpha1"

_NAME_TOLD: Final = "use 1 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both ends"
_NODE_TOLD: Final = "use 1 to 253 of a-z, 0-9, '-' and '.', with a letter or digit at both ends"
Name = Annotated[str, Matching(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", _NAME_TOLD, 63)]
NodeName = Annotated[str, Matching(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", _NODE_TOLD, 253)]
Share = Annotated[float, Field(ge=0, le=1)]
Digest = Annotated[
    str, Matching(r"sha256:[0-9a-f]{64}", "give the digest as sha256: and 64 hex digits (sha256sum FILE)", 71)
]
Duration = Annotated[str, Matching(r"([0-9]{1,4}(s|m|h))+", "write a duration like 90s, 10m or 1h30m", 16)]
Labels = dict[str, Annotated[str, Field(max_length=63)]]

_UNIT_S = {"s": 1, "m": 60, "h": 3600}


def seconds(duration: str) -> int:
    """A Duration such as `1h30m` in seconds. Raises ValueError for anything else."""
    parts = re.findall(r"([0-9]{1,4})([smh])", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        raise ValueError(f"{duration!r} is no duration; write it like 90s, 10m or 1h30m")
    return sum(int(number) * _UNIT_S[unit] for number, unit in parts)


class Model(BaseModel):
    """Camel case outside, snake case inside, unknown fields ignored, values never change."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        protected_namespaces=(),
    )
    RULES: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _keeps_its_rules(self) -> Self:
        broken = [rule.message for rule in self.RULES if rule.check is not None and not rule.check(self)]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With the model's rules, for the CRD."""
        told = handler(schema)
        if cls.RULES:
            handler.resolve_ref_schema(told)[VALIDATIONS] = [rule.wire() for rule in cls.RULES]
        return told

    def wire(self) -> dict[str, Any]:
        """As it stands in YAML or JSON: camelCase, without what is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(Model):
    """The part of Kubernetes' object metadata that we read."""

    name: Name
    namespace: Name | None = None
    uid: str | None = None
    generation: int = 1
    resource_version: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class _NodeMetadata(Metadata):
    name: NodeName


def node_metadata(metadata: object) -> object:
    """The Metadata in a mapping, of an object that is named as its Node: such names may have 253 characters."""
    if not isinstance(metadata, dict):
        return metadata
    return Metadata.model_construct(**dict(_NodeMetadata.model_validate(metadata)))


class Condition(Model):
    """A Kubernetes condition."""

    type: str = Field(max_length=64)
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(max_length=64)
    message: str = Field(default="", max_length=1024)
    last_transition_time: datetime | None = None
    observed_generation: int | None = None
