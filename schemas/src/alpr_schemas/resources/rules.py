"""Rules beyond a field's type, each said once: in CEL for the API server, in Python for programs, with one message."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold between the fields of a model; `check` is None for what compares with the stored object."""

    cel: str
    message: str
    check: Callable[[Any], bool] | None = None

    def wire(self) -> dict[str, Any]:
        """As it stands in a CRD."""
        return {"rule": self.cel, "message": self.message}


@dataclass(frozen=True, slots=True)
class Matching:
    """The whole text matches `pattern`, which means the same in RE2 and in Python."""

    pattern: str
    message: str
    longest: int

    def _check(self, text: str) -> str:
        if len(text) > self.longest or not re.fullmatch(self.pattern, text, re.ASCII):
            raise PydanticCustomError("rule", self.message)
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        rule = Rule(f"self.matches('^({self.pattern})$')", self.message)
        return {**handler(schema), "maxLength": self.longest, VALIDATIONS: [rule.wire()]}
