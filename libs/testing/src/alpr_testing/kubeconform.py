"""kubeconform over manifests: Kubernetes' own schemas and those of other projects, as far as they can be had."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from alpr_testing.needs import missing

# Kinds of other projects, and the folder of tools/deploy-schemas that judges them.
FOREIGN: Final = {
    "postgresql.cnpg.io": "cnpg",
    "barmancloud.cnpg.io": "barman",
    "opensearch.org": "opensearch",
    "monitoring.coreos.com": "prometheus",
    "kafka.strimzi.io": "strimzi",
    "keda.sh": "keda",
    "gateway.networking.k8s.io": "gateway",
}
Verdict = dict[str, Any]


def schema_folders(repository: Path) -> list[Path]:
    """Folders of JSON schemas by tools/deploy-schemas; the test is skipped where even Kubernetes' own cannot be had."""
    program = repository / "tools" / "deploy-schemas"
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"no schemas for kubeconform: {done.stderr[-500:]}")
    folders = [each / "schemas" for each in sorted(Path(done.stdout.strip()).iterdir()) if (each / "schemas").is_dir()]
    if not any(folder.parent.name == "kubernetes" for folder in folders):
        missing(f"Kubernetes' schemas cannot be had: {done.stderr[-500:]}")
    return folders


def verdicts(program: Path, schemas: list[Path], texts: Mapping[str, str], folder: Path) -> dict[str, list[Verdict]]:
    """What kubeconform says of each object of each text, by the text's name; in one run, as it reads schemas for long.

    The texts are written into `folder`, which is empty.
    """
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    command = [str(program), "-strict", "-verbose", "-output", "json", "-ignore-missing-schemas"]
    command += ["-skip", "CustomResourceDefinition"]  # the API server itself judges those
    for each in schemas:
        form = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}"
        if each.parent.name == "kubernetes":
            form = "{{.ResourceKind}}{{.KindSuffix}}"
        command += ["-schema-location", f"{each}/{form}.json"]
    told = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    found: dict[str, list[Verdict]] = {}
    for one in json.loads(told.stdout)["resources"]:
        found.setdefault(Path(one["filename"]).stem, []).append(one)
    return found


def invalid(told: list[Verdict]) -> list[Verdict]:
    """What kubeconform found to be wrong."""
    return [one for one in told if one["status"] in ("statusInvalid", "statusError")]


def not_judged(told: list[Verdict]) -> set[str]:
    """API groups that no schema judged, CustomResourceDefinitions apart."""
    skipped = {one["version"].partition("/")[0] for one in told if one["status"] == "statusSkipped"}
    return skipped - {"apiextensions.k8s.io"}


def out_of_reach(schemas: list[Path]) -> set[str]:
    """API groups of other projects whose schemas cannot be had here."""
    here = {folder.parent.name for folder in schemas}
    return {group for group, name in FOREIGN.items() if name not in here}
