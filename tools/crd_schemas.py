# noqa: INP001 - a script of tools/deploy-schemas
"""JSON schemas for kubeconform: out of CRDs (`crd_schemas.py OUT CRD…`), or out of a wheel of Kubernetes' own.

A CRD's schema becomes strict as the API server's validation is: names that it does not know are refused.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

_TEXT: Final = {"type": "string"}


def strict(schema: Any) -> Any:
    """The same schema without unknown names, with what CRDs say in extensions of their own said in JSON Schema."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    told = {key: _below(key, value) for key, value in schema.items() if key not in ("format", "default")}
    if "properties" in told and not told.get("x-kubernetes-preserve-unknown-fields"):
        told.setdefault("additionalProperties", False)
    return told


def _below(key: str, value: Any) -> Any:
    """Below `properties` are names, not keywords."""
    return {name: strict(part) for name, part in value.items()} if key == "properties" else strict(value)


def of_crd(crd: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each served version's schema, by the file that kubeconform looks for."""
    spec = crd["spec"]
    found = {}
    for version in spec["versions"]:
        told = strict(version["schema"]["openAPIV3Schema"])
        told["properties"] |= {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
        }
        found[f"{spec['group']}/{spec['names']['kind'].lower()}_{version['name']}.json"] = told
    return found


def write_crds(out: Path, crds: list[Path]) -> None:
    """Write the schemas of `crds` below `out`."""
    import yaml  # of our .venv: the rest runs on any Python

    class Loader(yaml.SafeLoader):
        """Takes a lone "=", which YAML 1.1 gives a meaning of its own and CRDs have as an operator, as text."""

    Loader.add_constructor("tag:yaml.org,2002:value", Loader.construct_yaml_str)
    for path in crds:
        for crd in yaml.load_all(path.read_text(), Loader):
            if crd and crd["kind"] == "CustomResourceDefinition":
                for name, schema in of_crd(crd).items():
                    (out / name).parent.mkdir(parents=True, exist_ok=True)
                    (out / name).write_text(json.dumps(schema))


def unpack_wheel(wheel: Path, version: str, out: Path) -> None:
    """Write the schemas of a Kubernetes version, with references that work without the network."""
    out.mkdir(parents=True)
    folder = f"kubernetes_validate/kubernetes-json-schema/{version}-local-strict/"
    with zipfile.ZipFile(wheel) as held:
        for name in held.namelist():
            if name.startswith(folder) and name.endswith(".json"):
                schema = json.loads(held.read(name).decode().replace('"/api/_definitions.json', '"_definitions.json'))
                schema.pop("$id", None)
                (out / Path(name).name).write_text(json.dumps(schema))


if __name__ == "__main__":
    if sys.argv[1] == "--wheel":
        unpack_wheel(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
    else:
        write_crds(Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
