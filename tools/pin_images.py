# noqa: INP001 - the program of tools/pin-images
"""Write the digests of the charts' images as values, one file a chart, by asking the images' registries.

Images are those that Helm's output names, by their tags; an image of a server in another mode is left alone. A file
holds digests alone: give it to Helm after your own values. Nothing is written where no registry answers.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from chart_renders import ROOT, add_arguments, full_name, images, rendered, values_of
from registry_digests import NotPinned, digest_of

# Values that are an image's whole name; all others are a map of repository, tag and digest.
_WHOLE: Final = (
    ("backup", "postgresImage"),
    ("database", "operator", "image"),
    ("config", "images", "cpu"),
    ("config", "images", "jetson"),
)
_HEAD: Final = "# Made by tools/pin-images: change tags in your own values, and run it again.\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Where values say an image: the path to its digest, or to its whole name."""

    path: tuple[str, ...]
    image: str
    whole: bool


def places(chart: str, values: dict[str, Any]) -> Iterator[Place]:
    """Every place of an image in a chart's values, with the image as the chart would name it."""
    about = yaml.safe_load((ROOT / "helm" / chart / "Chart.yaml").read_text())
    prefix = f"{values['imageRegistry'].rstrip('/')}/" if values.get("imageRegistry") else ""
    for path, told in _maps(values):
        if {"repository", "digest"} <= told.keys():
            tag = told.get("tag") or about["appVersion"]
            yield Place((*path, "digest"), f"{prefix}{told['repository']}:{tag}", whole=False)
    for path in _WHOLE:
        told = _at(values, path)
        if told:
            yield Place(path, f"{'' if path[0] == 'config' else prefix}{told}", whole=True)


def _maps(part: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    yield path, part
    for key, value in part.items():
        if isinstance(value, dict):
            yield from _maps(value, (*path, key))


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` upon `under`, as Helm lays values upon values."""
    both = {key: merged(under[key], value) if isinstance(value, dict) and isinstance(under.get(key), dict) else value
            for key, value in over.items()}  # fmt: skip
    return under | both


@cache
def _asked(image: str) -> str | NotPinned:
    try:
        return digest_of(image)
    except NotPinned as error:
        return error


def pins(chart: str, files: list[Path]) -> tuple[dict[str, Any], list[tuple[str, NotPinned]]]:
    """Values with the digests of a chart's images, and what could not be pinned."""
    values: dict[str, Any] = {}
    for file in [ROOT / "helm" / chart / "values.yaml", *files]:
        values = merged(values, yaml.safe_load(file.read_text()) or {})
    used = set(images(rendered(chart, files)))
    found: dict[str, Any] = {}
    failed = []
    for place in places(chart, values):
        if place.image not in used or "@" in place.image:
            continue
        digest = _asked(full_name(place.image))
        if isinstance(digest, NotPinned):
            failed.append((place.image, digest))
            continue
        pinned = f"{_at(values, place.path)}@{digest}" if place.whole else digest
        found = merged(found, _nested(place.path, pinned))
    return found, failed


def _nested(path: tuple[str, ...], value: str) -> dict[str, Any]:
    return {path[0]: _nested(path[1:], value) if path[1:] else value}


def main() -> None:
    """Read the command line, ask, write; end with 1 where an image could not be pinned."""
    parser = ArgumentParser(prog="tools/pin-images", description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where files go, by chart; left out, all is printed with its chart's name",
    )
    told = parser.parse_args()
    # Pins of an earlier run would hide the tags that they pin.
    made = told.out.resolve() if told.out else None
    asked = {
        chart: [file for file in files if file.resolve().parent != made] for chart, files in values_of(told).items()
    }
    answers = {chart: pins(chart, files) for chart, files in asked.items()}
    failed = dict(each for _, missing in answers.values() for each in missing)
    for image, why in failed.items():
        sys.stderr.write(f"{image}: {why}\n")
    if (
        failed
        and not any(error.reached for error in failed.values())
        and not any(found for found, _ in answers.values())
    ):
        sys.exit("No registry is in reach: nothing was written. Run it where the images' registries are.")
    for chart, (found, _) in answers.items():
        _write(chart, found, told.out)
    if failed:
        sys.exit(f"{len(failed)} images have no digest yet; the others are written.")


def _write(chart: str, found: dict[str, Any], out: Path | None) -> None:
    text = _HEAD + yaml.safe_dump(found, sort_keys=True)
    if out is None:
        sys.stdout.write(f"--- # {chart}\n{text}")
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{chart}.yaml").write_text(text)
    sys.stderr.write(f"{out / chart}.yaml is written\n")


if __name__ == "__main__":
    main()
