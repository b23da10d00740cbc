# noqa: INP001 - a script beside what it writes
"""Make the charts' values.schema.json.

Those of the operator and of sites come from the models: the operator's Settings, and the resources AlprSite and Camera.
The others from their own values.yaml, whose values say the types, and from value_rules.yaml. Run it after a change of
one; `tests/deploy` fails until then.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from alpr_operator.settings import Settings
from alpr_schemas.resources import CameraSpec, SiteSpec

Schema = dict[str, Any]
HERE: Final = Path(__file__).parent
_NAME: Final = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_SHORT_NAME: Final = "^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$"
_BOOLEAN: Final[Schema] = {"type": "boolean"}
_OBJECT: Final[Schema] = {"type": "object"}
_TEXTS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
# Passwords are named by files: whoever sees a ConfigMap may not be whom they are for.
_VARIABLES: Final[Schema] = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Z][A-Z0-9_]*$", "not": {"pattern": "(PASSWORD|SECRET|TOKEN|KEY)$"}},
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
# What the chart itself decides, or the pod's own variables say.
_CEL: Final = "x-kubernetes-validations"
_MATCHES: Final = re.compile(r"self\.matches\('(.*)'\)")
# Titles and defaults say nothing that values.yaml does not; the rest is for API servers.
_NOT_HERE: Final = ("title", "default", _CEL, "x-kubernetes-map-type")
_NOT_IN_CONFIG: Final = ("kubeconfig", "namespace", "identity", "listen_host", "listen_port")


def operator_schema() -> Schema:
    """The values of chart alpr-operator; `config` is the operator's own model."""
    config, definitions = _of_model(Settings)
    for name in _NOT_IN_CONFIG:
        del config["properties"][name]
    properties = {
        "imageRegistry": _text("^([A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._/-]+)?)?$"),
        "image": _closed(
            repository=_text("^[a-z0-9][a-z0-9._/:-]*$"),
            tag=_text("^([A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$"),
            digest=_text("^(sha256:[0-9a-f]{64})?$"),
            pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
        ),
        "imagePullSecrets": {"type": "array", "items": _text(_NAME)},
        "replicas": _whole(1, 2),
        "name": _text(_SHORT_NAME),
        "serviceAccountAnnotations": _TEXTS,
        "config": config,
        "env": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "resources": _closed(requests=_OBJECT, limits=_OBJECT, claims={"type": "array"}),
        "podAnnotations": _TEXTS,
        "podLabels": _TEXTS,
        "nodeSelector": _TEXTS,
        "tolerations": {"type": "array", "items": _OBJECT},
        "affinity": _OBJECT,
        "topologySpreadConstraints": {"type": "array", "items": _OBJECT},
        "priorityClass": _closed(create=_BOOLEAN, value=_whole(-2147483648, 1000000000), existing={"type": "string"}),
        "podDisruptionBudget": _closed(enabled=_BOOLEAN),
        "metrics": _closed(
            serviceMonitor=_closed(enabled=_BOOLEAN, interval=_text("^[0-9]+(ms|s|m|h)$"), labels=_TEXTS),
        ),
        "networkPolicy": _closed(
            enabled=_BOOLEAN,
            metricsFrom={"type": "array", "items": _OBJECT},
            apiServerPorts={"type": "array", "minItems": 1, "items": _whole(1, 65535)},
        ),
        "flowSchema": _closed(enabled=_BOOLEAN, priorityLevel=_text(_NAME), precedence=_whole(2, 10000)),
        "crds": _closed(enabled=_BOOLEAN),
        "policies": _closed(enabled=_BOOLEAN),
        "userRoles": _closed(enabled=_BOOLEAN),
        "retireHook": _closed(enabled=_BOOLEAN),
    }
    return _chart("alpr-operator", properties, definitions)


def site_schema() -> Schema:
    """The values of chart alpr-site; `site` and `cameras` are the resources' own models, all of it optional."""
    site, site_definitions = _of_model(SiteSpec)
    camera, camera_definitions = _of_model(CameraSpec)
    del camera["properties"]["siteRef"]
    camera_definitions["Source"].pop("required")  # what a camera leaves out, cameraDefaults may say
    for part in (site, camera):
        part.pop("required", None)
    properties = {
        "name": _text(f"^$|{_NAME}"),
        "namespace": _closed(create=_BOOLEAN, name=_text(f"^$|{_NAME}"), labels=_TEXTS, annotations=_TEXTS),
        "operator": _closed(name=_text(_SHORT_NAME), namespace=_text(_NAME)),
        "site": site,
        "siteLabels": _TEXTS,
        "siteAnnotations": _TEXTS,
        "cameraDefaults": {"$ref": "#/$defs/CameraPart"},
        "cameras": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"},
            "additionalProperties": {"$ref": "#/$defs/CameraPart"},
        },
        "sinks": _closed(name=_text(_NAME), config=_VARIABLES),
        "argocd": _closed(enabled=_BOOLEAN),
    }
    definitions = {**site_definitions, **camera_definitions, "CameraPart": camera}
    return _chart("alpr-site", properties, definitions)


def values_schema(chart: str) -> Schema:
    """The schema of a chart whose values.yaml holds a value of every type that it takes."""
    told = yaml.safe_load((HERE / "value_rules.yaml").read_text())
    values = yaml.safe_load((HERE / chart / "values.yaml").read_text())
    properties = {name: _of_value(value, name, told["rules"]) for name, value in values.items()}
    for needed in yaml.safe_load((HERE / chart / "Chart.yaml").read_text()).get("dependencies", ()):
        properties[needed["name"]] = _closed(**{"global": _OBJECT})
    conditions = told["conditions"].get(chart)
    return {**_chart(chart, properties, {}), **({"allOf": conditions} if conditions else {})}


def _of_value(value: Any, path: str, rules: Schema) -> Schema:
    """As the rule of `path` says, else as `value` is; a map that holds something takes no other names than those."""
    words = path.split(".")
    for start in range(len(words)):
        if (rule := rules.get(".".join(words[start:]))) is not None:
            return dict(rule)
    match value:
        case bool():
            return _BOOLEAN
        case int():
            return _whole(0, 2**31 - 1)
        case str():
            return {"type": "string"}
        case dict() if not value:
            return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
        case dict():
            return _closed(**{name: _of_value(below, f"{path}.{name}", rules) for name, below in value.items()})
        case _:
            raise TypeError(f"{path}: say in value_rules.yaml what it takes")


def _chart(title: str, properties: Schema, definitions: Schema) -> Schema:
    # `global` is there in every chart that is part of another.
    told = _closed(**properties, **{"global": _OBJECT})
    return {"$schema": _DRAFT, "title": title, **told, "$defs": definitions}


def _of_model(model: type[BaseModel]) -> tuple[Schema, Schema]:
    """The model's schema and the definitions that it refers to, all without unknown names."""
    schema = model.model_json_schema(by_alias=True)
    definitions = {name: _strict(part) for name, part in schema.pop("$defs", {}).items()}
    return _strict(schema), definitions


def _strict(schema: Schema) -> Schema:
    """Objects take no unknown names; what a CRD says in CEL of a text alone becomes a pattern."""
    kept = {key: _within(key, value) for key, value in schema.items() if key not in _NOT_HERE}
    for rule in schema.get(_CEL, ()):
        if found := _MATCHES.fullmatch(rule["rule"]):
            kept["pattern"] = found[1].replace("\\\\", "\\")
    if "properties" in kept:
        kept["additionalProperties"] = False
    return kept


def _within(key: str, value: Any) -> Any:
    """Below a schema's keyword: further schemas, or a plain value."""
    if key in ("properties", "$defs"):
        return {name: _strict(part) for name, part in value.items()}
    if isinstance(value, dict):
        return _strict(value)
    if isinstance(value, list):
        return [_strict(part) if isinstance(part, dict) else part for part in value]
    return value


def _closed(**properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def rendered() -> dict[Path, str]:
    """What each file shall hold."""
    schemas = {"alpr-operator": operator_schema(), "alpr-site": site_schema()}
    schemas |= {chart: values_schema(chart) for chart in ("alpr-crds", "alpr-services", "alpr-central")}
    return {HERE / chart / "values.schema.json": json.dumps(told, indent=2) + "\n" for chart, told in schemas.items()}


if __name__ == "__main__":
    for path, text in rendered().items():
        path.write_text(text)
