# noqa: INP001 - shared by tools/airgap-images and tools/pin-images
"""What the platform's charts make of values, and the images in it.

Values are named by chart, as `alpr-central=values.yaml`, or by an overlay of kustomize: its charts with its values.
Helm is $HELM, else the one in PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[1]
CHARTS: Final = ("alpr-operator", "alpr-central", "alpr-services")
Values = dict[str, list[Path]]
# By libyaml where it is there: Python's own parser takes seconds for the CRDs.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Kinds of other projects' operators that choose images by a version: not ours to list.
CHOSEN_ELSEWHERE: Final = {
    "Kafka": "Strimzi",
    "Cluster": "CloudNativePG",
    "OpenSearchCluster": "the OpenSearch operator",
}


def add_arguments(parser: ArgumentParser) -> None:
    """`--overlay` and `--values`, as `values_of` reads them."""
    parser.add_argument("--overlay", type=Path, metavar="FOLDER", help="charts and values of kustomize/overlays/…")
    parser.add_argument(
        "--values", action="append", default=[], metavar="CHART=FILE", help="further values; may be given several times"
    )


def values_of(told: Namespace) -> Values:
    """The values files of each chart, in their order; ends the program where they name no chart or no file."""
    found: Values = _of_overlay(told.overlay) if told.overlay else {chart: [] for chart in CHARTS}
    for each in told.values:
        chart, _, file = each.partition("=")
        if chart not in found or not file:
            sys.exit(f"--values {each}: write CHART=FILE, where CHART is one of {', '.join(found)}")
        found[chart].append(Path(file))
    for file in (path for paths in found.values() for path in paths):
        if not file.is_file():
            sys.exit(f"{file}: there is no such file of values")
    return found


def _of_overlay(folder: Path) -> Values:
    path = folder / "kustomization.yaml"
    if not path.is_file():
        sys.exit(f"--overlay {folder}: there is no kustomization.yaml in it")
    charts = yaml.safe_load(path.read_text()).get("helmCharts") or []
    return {told["name"]: [folder / name for name in told.get("additionalValuesFiles", [])] for told in charts}


def rendered(chart: str, files: list[Path]) -> list[dict[str, Any]]:
    """What Helm makes of a chart, its steps and tests with it."""
    helm = os.environ.get("HELM") or shutil.which("helm")
    if not helm:
        sys.exit("helm is not in PATH: install it, or name it, as in  HELM=/opt/bin/helm")
    command = [helm, "template", chart, str(ROOT / "helm" / chart), "--namespace", "alpr-system"]
    for file in files:
        command += ["--values", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{chart}: {done.stderr.strip()}")
    return parsed(done.stdout)


def parsed(text: str) -> list[dict[str, Any]]:
    """The objects of a YAML text."""
    return [found for found in yaml.load_all(text, _LOADER) if found]


def images(objects: list[dict[str, Any]]) -> Iterator[str]:
    """Every image that the objects name, and those that the operator gives to nodes, as they stand there."""
    for each in objects:
        if each["kind"] == "CustomResourceDefinition":
            continue
        yield from _named(each)
        settings = (each.get("data") or {}).get("operator.yaml")
        if each["kind"] == "ConfigMap" and settings:
            yield from (yaml.safe_load(settings).get("images") or {}).values()


def _named(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "image" and isinstance(value, str):
                yield value
            else:
                yield from _named(value)
    elif isinstance(part, list):
        for each in part:
            yield from _named(each)


def full_name(image: str) -> str:
    """The name under which a node keeps an image: with its registry, and with a tag where there is no digest."""
    first, slash, _ = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif not ("." in first or ":" in first or first == "localhost"):
        image = f"docker.io/{image}"
    return image if "@" in image or ":" in image.rpartition("/")[2] else f"{image}:latest"
