"""The requests and limits of a container, in Kubernetes' quantities."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from alpr_schemas.resources.rules import Rule

_QUANTITY: Final = re.compile(
    "[+-]?([0-9]+|[0-9]+[.][0-9]*|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII
)


def _is_quantity(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 32 and _QUANTITY.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


_Quantity = Annotated[
    int | str,
    Rule(
        f"type(self) == int || self.matches('^({_QUANTITY.pattern})$')",
        'write a quantity like 2, "500m" or "6Gi"',
        _is_quantity,
        before=True,
    ),
    Field(json_schema_extra={"maxLength": 32}),
]
_Amounts = Annotated[dict[str, _Quantity], Field(max_length=16)]


class _Shape(BaseModel):
    """What Kubernetes takes as the resources of a container, without claims."""

    model_config = ConfigDict(extra="forbid")
    requests: Annotated[_Amounts, Field(description="What the scheduler sets aside.")] | None = None
    limits: Annotated[_Amounts, Field(description="What the container cannot exceed.")] | None = None


def _checked(resources: dict[str, Any]) -> dict[str, Any]:
    _Shape.model_validate(resources, strict=True)
    return resources


# A plain mapping for programs, because it goes into a pod as it is.
Resources = Annotated[dict[str, Any], AfterValidator(_checked), WithJsonSchema(_Shape.model_json_schema())]
