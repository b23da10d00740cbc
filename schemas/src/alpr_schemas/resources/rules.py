"""Rules beyond a field's type, each said once: in CEL for the API server, in Python for programs, with one message.

A rule stands in a model's `rules` (it looks at several fields), in its `transitions` (it compares with what was stored
before), or in an `Annotated` type (it looks at one value). The CRD (`alpr_schemas.crd`) carries its CEL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

VALIDATIONS: Final = "x-kubernetes-validations"
BROKEN: Final = "rule"  # the type of pydantic's error


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value, or the fields of a model, must keep to.

    Attributes:
        cel: the expression as the API server evaluates it; `self` is the value.
        message: one sentence that tells the fix.
        holds: the same in Python; it gets the value, or the model.
        field: the field of a model that the error names, as it stands on the wire; empty for the value itself.
        before: look at the value before its type is checked: for a union, whose own errors say little.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]
    field: str = ""
    before: bool = False

    def wire(self) -> dict[str, Any]:
        """As it stands in a CRD."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message, **place}

    def _checked(self, value: Any) -> Any:
        if not self.holds(value):
            raise PydanticCustomError(BROKEN, self.message)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler(source)
        if self.before:
            return core_schema.no_info_before_validator_function(self._checked, inner)
        return core_schema.no_info_after_validator_function(self._checked, inner)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        told = handler(schema)
        return {**told, VALIDATIONS: [*told.get(VALIDATIONS, ()), self.wire()]}


@dataclass(frozen=True, slots=True)
class Transition:
    """What an update of a model must keep to: `holds(new, old)`; `oldSelf` is in CEL what was stored before."""

    cel: str
    message: str
    holds: Callable[[Any, Any], bool]
    field: str = ""

    def wire(self) -> dict[str, Any]:
        """As it stands in a CRD."""
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message, **place}


@dataclass(frozen=True, slots=True)
class AtCreation:
    """A rule that only a new object must keep to: what it looks at cannot be changed later."""

    rule: Rule

    def holds(self, model: Any) -> bool:
        """Whether `model` keeps to it."""
        return self.rule.holds(model)

    def wire(self) -> dict[str, Any]:
        """As it stands in a CRD."""
        told = self.rule.wire()
        return {**told, "rule": f"oldSelf.hasValue() || ({told['rule']})", "optionalOldSelf": True}


def matching(pattern: str, message: str) -> Rule:
    """The whole text matches `pattern`, which must mean the same in RE2 and in Python and hold no quotes."""
    compiled = re.compile(pattern, re.ASCII)
    escaped = pattern.replace("\\", "\\\\")
    return Rule(f"self.matches('^({escaped})$')", message, lambda text: compiled.fullmatch(text) is not None)


def immutable(field: str, attribute: str, message: str) -> Transition:
    """`field` stays as it was created; `attribute` is its name in Python."""
    return Transition(
        f"self.{field} == oldSelf.{field}",
        message,
        lambda new, old: bool(getattr(new, attribute) == getattr(old, attribute)),
        field,
    )


def no_credentials(message: str) -> Rule:
    """A model's `url` (where it has one) holds no user and no password before its host."""
    before_host = re.compile("[^/?#]*//[^/?#]*@")
    return Rule(
        f"!has(self.url) || !self.url.matches('^{before_host.pattern}')",
        message,
        lambda model: model.url is None or before_host.match(model.url) is None,
        "url",
    )


def one_of_schemes(schemes: tuple[str, ...], message: str, when: str, applies: Callable[[Any], bool]) -> Rule:
    """A model's `url` begins with one of `schemes` where the CEL expression `when`, in Python `applies`, is true."""
    begins = re.compile(f"(?i)({'|'.join(schemes)})://")
    return Rule(
        f"!({when}) || self.url.matches('(?i)^({'|'.join(schemes)})://')",
        message,
        lambda model: not applies(model) or begins.match(model.url) is not None,
        "url",
    )


def refuse_broken(model: Any, rules: Iterable[Rule | AtCreation]) -> None:
    """Raise pydantic's error with every rule that `model` breaks, each at its field."""
    broken = [told.rule if isinstance(told, AtCreation) else told for told in rules if not told.holds(model)]
    if broken:
        raise ValidationError.from_exception_data(type(model).__name__, [_line_error(rule) for rule in broken])


def _line_error(rule: Rule) -> InitErrorDetails:
    error = PydanticCustomError(BROKEN, rule.message)
    # The input is not repeated: it may hold a password.
    return InitErrorDetails(type=error, loc=tuple(rule.field.split(".")) if rule.field else (), input=None)
