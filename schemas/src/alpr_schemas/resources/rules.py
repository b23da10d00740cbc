"""Rules beyond a field's type, each said once: in CEL for the API server, in Python for programs, with one message.

A rule stands in a model's `rules` (it looks at several fields), in its `transitions` (it compares with what was stored
before), or in an `Annotated` type (it looks at one value). The CRD (`alpr_schemas.crd`) carries its CEL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

KEY = "x-kubernetes-validations"
BROKEN = "rule"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one value must keep to.

    Attributes:
        cel: the expression as the API server evaluates it; `self` is the value.
        message: one sentence that tells the fix.
        holds: the same in Python; it gets the value, or the model.
        field: the field of a model that is named in the error, as it stands on the wire; empty for the value itself.
        before: look at the value before its type is checked: for a union, whose own errors say little.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]
    field: str = ""
    before: bool = False

    def entry(self) -> dict[str, Any]:
        """The rule as a CRD carries it."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message, **place}

    def check(self, value: Any) -> Any:
        """The value itself. Raises pydantic's error with the message."""
        if not self.holds(value):
            raise PydanticCustomError(BROKEN, self.message)  # type: ignore[arg-type]  # asks for a literal
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        inner = handler(source)
        if self.before:
            return core_schema.no_info_before_validator_function(self.check, inner)
        return core_schema.no_info_after_validator_function(self.check, inner)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        told = handler(schema)
        return {**told, KEY: [*told.get(KEY, ()), self.entry()]}


@dataclass(frozen=True, slots=True)
class Transition:
    """What an update must keep to: `holds(new, old)`; `oldSelf` is in CEL what was stored before."""

    cel: str
    message: str
    holds: Callable[[Any, Any], bool]
    field: str = ""

    def entry(self) -> dict[str, Any]:
        """The rule as a CRD carries it."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message, **place}


@dataclass(frozen=True, slots=True)
class AtCreation:
    """A rule that only a new object must keep to: what it looks at cannot be changed later."""

    rule: Rule

    def entry(self) -> dict[str, Any]:
        """The rule as a CRD carries it."""
        told = self.rule.entry()
        return {**told, "rule": f"oldSelf.hasValue() || {told['rule']}", "optionalOldSelf": True}


def matching(pattern: str, message: str) -> Rule:
    """The whole text matches `pattern`, which means the same in RE2 and in Python (ASCII classes, no look-around)."""
    compiled = re.compile(pattern, re.ASCII)
    quoted = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return Rule(f"self.matches('^({quoted})$')", message, lambda text: compiled.fullmatch(text) is not None)


def immutable(field: str, attribute: str, message: str) -> Transition:
    """`field` stays as it was created; `attribute` is its name in Python."""
    return Transition(
        f"self.{field} == oldSelf.{field}",
        message,
        lambda new, old: bool(getattr(new, attribute) == getattr(old, attribute)),
        field,
    )


def refuse_broken(model: Any, rules: Iterable[Rule | AtCreation]) -> None:
    """Raise pydantic's error with every rule that `model` breaks, each at its field."""
    every = (told.rule if isinstance(told, AtCreation) else told for told in rules)
    broken = [rule for rule in every if not rule.holds(model)]
    if broken:
        raise ValidationError.from_exception_data(type(model).__name__, [_line_error(rule) for rule in broken])


def _line_error(rule: Rule) -> InitErrorDetails:
    error = PydanticCustomError(BROKEN, rule.message)  # type: ignore[arg-type]  # asks for a literal
    # The input is not repeated: it may hold a password.
    return InitErrorDetails(type=error, loc=tuple(rule.field.split(".")) if rule.field else (), input=None)
