"""From a pydantic model to the structural OpenAPI schema that Kubernetes takes. Pure.

No references, no `null`, every string, list and map bounded. Defaults stand where people write (`defaults`): what
machines write stays as short as they wrote it, and its readers' models know the defaults anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

_LONGEST_STRING, _MOST_ITEMS = 1024, 64
_KEPT: Final = (
    "type",
    "format",
    "description",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-map-type",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)


def structural(model: type[BaseModel], *, defaults: bool) -> dict[str, Any]:
    """The schema of `model`."""
    schema = model.model_json_schema(by_alias=True)
    return _Walk(schema.get("$defs", {}), defaults).node(schema)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One pass over a model's JSON schema."""

    definitions: Mapping[str, Any]
    defaults: bool

    def node(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        told = self._resolved(schema)
        if "anyOf" in told:
            return self._union(told)
        if "const" in told:
            told = {**told, "enum": [told["const"]]}
        node: dict[str, Any] = {key: told[key] for key in _KEPT if key in told}
        if "exclusiveMinimum" in told:
            node |= {"minimum": told["exclusiveMinimum"], "exclusiveMinimum": True}
        match told.get("type"):
            case "object":
                node |= self._object(told)
            case "array":
                node = self._array(told) | node
            case "string" if "enum" not in node and node.get("format") != "date-time":
                node.setdefault("maxLength", _LONGEST_STRING)
        return node

    def _resolved(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """`schema` without a reference; what stands beside the reference wins."""
        if "$ref" not in schema:
            return dict(schema)
        target = self._resolved(self.definitions[schema["$ref"].rsplit("/", 1)[1]])
        return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}

    def _union(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """What may be left out is simply not required; a number or a word is Kubernetes' int-or-string."""
        options = [option for option in told["anyOf"] if option.get("type") != "null"]
        beside = {key: value for key, value in told.items() if key not in ("anyOf", "default")}
        if len(options) == 1:
            return self.node({**self._resolved(options[0]), **beside})
        kept: dict[str, Any] = {key: beside[key] for key in _KEPT if key in beside}
        return {"x-kubernetes-int-or-string": True, **kept}

    def _object(self, told: Mapping[str, Any]) -> dict[str, Any]:
        if "properties" not in told:
            values = self.node(told["additionalProperties"])
            return {"additionalProperties": values, "maxProperties": told.get("maxProperties", _MOST_ITEMS)}
        properties = {name: self._property(schema) for name, schema in told["properties"].items()}
        required = sorted(told.get("required", ()))
        return {"properties": properties, **({"required": required} if required else {})}

    def _property(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        node = self.node(schema)
        default = schema.get("default")
        if default is None or not self.defaults:
            return node
        # An object's default is empty: its own fields bring theirs.
        return {**node, "default": {} if "properties" in node else default}

    def _array(self, told: Mapping[str, Any]) -> dict[str, Any]:
        items = told["prefixItems"][0] if "prefixItems" in told else told["items"]
        # Without defaults: who applies by the client replaces lists whole, and would see a difference for ever.
        bare = _Walk(self.definitions, defaults=False).node(items)
        return {"items": bare, "maxItems": _MOST_ITEMS, "x-kubernetes-list-type": "atomic"}
