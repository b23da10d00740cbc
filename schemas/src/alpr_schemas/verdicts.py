"""What an API server with our CRDs says of an object, without one: the same verdict in the same words. Pure.

`alpr_schemas.crd` makes the server's schema from the models; this reads an object by the same models as strictly as the
server does. Tests hold both to each other, sample by sample and by invented objects.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from alpr_schemas.documents import dotted
from alpr_schemas.resources import KINDS, Model, Resource


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing for which an object is refused."""

    path: tuple[int | str, ...]
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The object where it is taken, what is wrong where it is not."""

    taken: Resource | None
    faults: tuple[Fault, ...] = ()


def judge(document: Mapping[str, Any]) -> Verdict:
    """The verdict on creating the object; its `kind` must be one of ours.

    A status is passed over, as the server does: it is written on its own.
    """
    data = _as_the_server_reads({key: value for key, value in document.items() if key != "status"})
    try:
        taken = KINDS[document["kind"]].model_validate_json(json.dumps(data), strict=True, extra="forbid")
    except ValidationError as e:
        told = [error for error in e.errors(include_url=False) if not _kubernetes_own(error) and not _echo(error)]
        if told:
            return Verdict(None, tuple(dict.fromkeys(_fault(error, data) for error in told)))
        taken = KINDS[document["kind"]].model_validate(data)
    return Verdict(taken)


def judge_update(new: Model, old: Model, path: tuple[str, ...] = ()) -> Iterator[Fault]:
    """What makes the server refuse `new` where `old` is stored, beyond what it says of `new` alone."""
    for transition in new.transitions:
        if not transition.holds(new, old):
            yield Fault((*path, *transition.field.split(".")), transition.message)
    for name, field in type(new).model_fields.items():
        after, before = getattr(new, name), getattr(old, name)
        if isinstance(after, Model) and isinstance(before, Model):
            yield from judge_update(after, before, (*path, field.alias or name))


def _as_the_server_reads(value: Any) -> Any:
    """Fields that are null are not there; 2.0 is a whole number; keys are texts."""
    match value:
        case dict():
            return {_key(key): _as_the_server_reads(part) for key, part in value.items() if part is not None}
        case list():
            return [_as_the_server_reads(part) for part in value]
        case float() if value.is_integer():
            return int(value)
        case bytes():
            return value.decode(errors="replace")
    return value


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _kubernetes_own(error: ErrorDetails) -> bool:
    """Metadata holds more fields than we read; a file from `kubectl get -o yaml` is fine."""
    return error["type"] == "extra_forbidden" and error["loc"][0] == "metadata"


def _echo(error: ErrorDetails) -> bool:
    """A list is called too short where some of its items are wrong; those are told on their own."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def _fault(error: ErrorDetails, data: Any) -> Fault:
    path = error["loc"]
    if error["type"] == "missing" and isinstance(path[-1], int):
        return Fault(path[:-1], f"should have at least {path[-1] + 1} items")
    if error["type"] == "extra_forbidden":
        return Fault(path, f'unknown field "{dotted(path)}"{_meant(path, data)}')
    return Fault(path, _said(error))


_TYPES: Final = {
    "int_type": "integer",
    "int_from_float": "integer",
    "float_type": "number",
    "string_type": "string",
    "bool_type": "boolean",
    "model_type": "object",
    "dict_type": "object",
    "tuple_type": "array",
}
_BOUNDS: Final = {
    "greater_than": "should be greater than {gt:g}",
    "greater_than_equal": "should be greater than or equal to {ge:g}",
    "less_than": "should be less than {lt:g}",
    "less_than_equal": "should be less than or equal to {le:g}",
    "string_too_long": "may not be more than {max_length} bytes",
    "string_too_short": "should be at least {min_length} chars long",
    "too_long": "must have at most {max_length} items",
    "too_short": "should have at least {min_length} items",
}


def _said(error: ErrorDetails) -> str:
    """Pydantic's error in the server's words; a rule's message is the same for both."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "Required value"
    if kind in _TYPES:
        return f"must be of type {_TYPES[kind]}"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    if kind in ("enum", "literal_error"):
        values = re.findall("'([^']*)'", str(context["expected"])) or [str(context["expected"])]
        return "supported values: " + ", ".join(f'"{value}"' for value in values)
    return error["msg"]


def _meant(path: Sequence[int | str], data: Any) -> str:
    """Which field was probably meant, of those that may stand there."""
    known = _fields(KINDS[data["kind"]], path[:-1])
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there may be {', '.join(known)}" if known else ""


def _fields(model: type[Model], path: Sequence[int | str]) -> list[str]:
    """The names of the fields that may stand at `path` below `model`."""
    schema = model.model_json_schema(by_alias=True)
    node: Any = schema
    for part in path:
        node = _below(node, part, schema["$defs"])
    return sorted(_below(node, None, schema["$defs"]).get("properties", {}))


def _below(node: Any, part: int | str | None, definitions: Any) -> Any:
    while "$ref" in node or "anyOf" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node["anyOf"][0]
    if part is None:
        return node
    return node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
