"""What every kind has: metadata, conditions, and how names stand on the wire."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AliasGenerator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP: Final = "ovr-alpr.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "ovr-alpr.io/v1alpha1"

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


def _resource_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("use 1 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at both ends")
    return text


Name = Annotated[str, AfterValidator(_resource_name)]
Share = Annotated[float, Field(ge=0, le=1)]


class Model(BaseModel):
    """Camel case outside, snake case inside, unknown fields ignored, values never change."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        protected_namespaces=(),
    )

    def wire(self) -> dict[str, Any]:
        """As it stands in YAML or JSON: camelCase, without what is not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Metadata(Model):
    """The part of Kubernetes' object metadata that we read."""

    name: Name
    namespace: Name | None = None
    uid: str | None = None
    generation: int = 1
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Condition(Model):
    """A Kubernetes condition."""

    type: str = Field(max_length=64)
    status: Literal["True", "False", "Unknown"]
    reason: str = Field(max_length=64)
    message: str = Field(default="", max_length=1024)
    last_transition_time: datetime | None = None
    observed_generation: int | None = None
