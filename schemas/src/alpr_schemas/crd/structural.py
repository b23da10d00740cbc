"""From a pydantic model to the structural OpenAPI schema that Kubernetes takes. Pure.

No references, no `null`, every string, list and map bounded, defaults where the models have them; descriptions are the
models' docstrings, an attribute's own line where the docstring has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

_LONGEST_STRING, _MOST_ITEMS = 1024, 64
_KEPT: Final = (
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "pattern",
    "x-kubernetes-validations",
)
_LIST_KEYS: Final = {"conditions": "type"}


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of `model`."""
    schema = model.model_json_schema(by_alias=True)
    return _node(schema, schema.get("$defs", {}), "")


def _node(schema: Mapping[str, Any], defs: Mapping[str, Any], name: str) -> dict[str, Any]:
    told = _resolved(schema, defs)
    if "anyOf" in told:
        return _union(told, defs, name)
    if "const" in told:
        told = {**told, "enum": [told["const"]]}
    node: dict[str, Any] = {key: told[key] for key in _KEPT if key in told}
    if "exclusiveMinimum" in told:
        node |= {"minimum": told["exclusiveMinimum"], "exclusiveMinimum": True}
    if text := _summary(told.get("description", "")):
        node["description"] = text
    match told.get("type"):
        case "object":
            node |= _object(told, defs)
        case "array":
            node |= _array(told, defs, name)
        case "string" if "enum" not in node and node.get("format") != "date-time":
            node.setdefault("maxLength", _LONGEST_STRING)
    return node


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` without a reference; what stands beside the reference wins."""
    if "$ref" not in schema:
        return dict(schema)
    target = _resolved(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _union(told: Mapping[str, Any], defs: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What may be left out is simply not required; a number or a word is Kubernetes' int-or-string."""
    options = [option for option in told["anyOf"] if option.get("type") != "null"]
    if len(options) == 1:
        return _node({**options[0], **{k: v for k, v in told.items() if k not in ("anyOf", "default")}}, defs, name)
    return {"x-kubernetes-int-or-string": True}


def _object(told: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    if "properties" not in told:
        values = told.get("additionalProperties", True)
        if values is True:
            return {"x-kubernetes-preserve-unknown-fields": True}
        return {
            "additionalProperties": _node(values, defs, ""),
            "maxProperties": told.get("maxProperties", _MOST_ITEMS),
        }
    lines = _attributes(told.get("description", ""))
    properties = {}
    for name, schema in told["properties"].items():
        node = _node(schema, defs, name)
        if line := lines.get(_snake(name)):
            node["description"] = line
        default = _default(schema, node)
        properties[name] = node if default is None else {**node, "default": default}
    required = told.get("required", [])
    return {"properties": properties, **({"required": sorted(required)} if required else {})}


def _default(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Any:
    """The default of a field; an object's is empty, its own fields bring theirs."""
    default = schema.get("default")
    if default is None:
        return None
    if node.get("type") == "object" and "properties" in node:
        return {}
    return default


def _array(told: Mapping[str, Any], defs: Mapping[str, Any], name: str) -> dict[str, Any]:
    if "prefixItems" in told:
        return {"items": _node(told["prefixItems"][0], defs, ""), "x-kubernetes-list-type": "atomic"}
    node: dict[str, Any] = {"items": _node(told["items"], defs, ""), "maxItems": told.get("maxItems", _MOST_ITEMS)}
    if key := _LIST_KEYS.get(name):
        return {**node, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return {**node, "x-kubernetes-list-type": "atomic"}


def _summary(docstring: str) -> str:
    """A docstring's text before its sections, on one line."""
    return " ".join(docstring.split("\n\nAttributes:", maxsplit=1)[0].split())


def _attributes(docstring: str) -> dict[str, str]:
    """The lines of a docstring's Attributes section, by (snake case) name."""
    section = docstring.partition("Attributes:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
