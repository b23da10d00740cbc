# noqa: INP001 - the program of tools/airgap-images
"""List the images that an installation needs, for a cluster that reaches no registry; or check a folder for them."""

from __future__ import annotations

import json
import sys
import tarfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from chart_renders import CHOSEN_ELSEWHERE, add_arguments, full_name, images, parsed, rendered, values_of

_ARCHIVES: Final = (".tar", ".tar.gz", ".tgz")
_NAMES: Final = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
EXAMPLES: Final = """\
  tools/airgap-images                                          of the charts as they are
  tools/airgap-images --overlay kustomize/overlays/airgap      of an overlay
  tools/airgap-images --values alpr-central=mine.yaml          of your values
  kustomize build … | tools/airgap-images --rendered -         of what is rendered already
  tools/airgap-images --check images/                          ends with 1 where images/*.tar lack one
"""


def main() -> None:
    """Read the command line, print or check."""
    parser = ArgumentParser(
        prog="tools/airgap-images", description=__doc__, epilog=EXAMPLES, formatter_class=RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--rendered", metavar="FILE", help="objects in place of charts and values; - is the input")
    parser.add_argument("--check", type=Path, metavar="FOLDER", help="archives of images, as K3s takes them")
    told = parser.parse_args()
    if told.rendered:
        objects = parsed(sys.stdin.read() if told.rendered == "-" else Path(told.rendered).read_text())
    else:
        objects = [found for chart, files in values_of(told).items() for found in rendered(chart, files)]
    needed = sorted({full_name(image) for image in images(objects)})
    for owner in sorted({CHOSEN_ELSEWHERE[each["kind"]] for each in objects if each["kind"] in CHOSEN_ELSEWHERE}):
        sys.stderr.write(
            f"not in this list: the images of {owner} and those that it chooses; see its own documentation\n"
        )
    if told.check is None:
        sys.stdout.write("".join(f"{name}\n" for name in needed))
    else:
        sys.exit(check(needed, told.check))


def check(needed: list[str], folder: Path) -> int:
    """How the program ends: 0 where the archives of `folder` hold all that is needed, else 1."""
    if not folder.is_dir():
        sys.stderr.write(f"--check {folder}: there is no such folder\n")
        return 1
    held: set[str] = set()
    for path in sorted(folder.iterdir()):
        if path.name.endswith(_ARCHIVES):
            held |= {full_name(name) for name in names_in(path)}
        elif path.is_file() and not path.name.startswith("."):
            sys.stderr.write(f"{path.name}: not read; an archive is called {', '.join(_ARCHIVES)}\n")
    missing = [name for name in needed if name not in held]
    sys.stderr.write("".join(f"missing: {name}\n" for name in missing))
    sys.stdout.write(f"{len(needed) - len(missing)} of {len(needed)} images are in {folder}\n")
    return 1 if missing else 0


def names_in(path: Path) -> Iterator[str]:
    """The names of an archive's images, as `docker save`, `ctr images export`, `skopeo copy` and buildah write them."""
    try:
        with tarfile.open(path) as archive:
            members = {member.name.removeprefix("./"): member for member in archive.getmembers()}
            for name in ("index.json", "manifest.json"):
                if name in members and (file := archive.extractfile(members[name])):
                    yield from _of_index(json.load(file))
    except (tarfile.TarError, json.JSONDecodeError) as error:
        sys.exit(f"{path}: no archive of images: {error}")


def _of_index(told: Any) -> Iterator[str]:
    if isinstance(told, list):  # Docker's own form
        for each in told:
            yield from each.get("RepoTags") or ()
        return
    for manifest in told.get("manifests", []):
        notes = manifest.get("annotations") or {}
        name = next((notes[key] for key in _NAMES if key in notes), "")
        if "/" in name or ":" in name:  # else it is a tag alone, which names no image
            yield name
            yield f"{full_name(name).partition('@')[0].rpartition(':')[0]}@{manifest['digest']}"


if __name__ == "__main__":
    main()
