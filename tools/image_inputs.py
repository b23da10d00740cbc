# noqa: INP001 - a script beside what calls it
"""What goes into a component's image: its wheels, ours and others', and a list of them. Called by tools/images.

    image_inputs.py COMPONENT FOLDER    fills FOLDER with wheels/, sbom.json, requirements.txt
    image_inputs.py --digest COMPONENT  prints a digest of all that its image is made of

Runs in the project's .venv: which packages a component needs is what its installed metadata says, and their versions
and hashes are the locks'. No resolver is asked, so an image holds what the tests ran.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
COMPONENTS = {
    "operator": "operator",
    "edge-agent": "edge-agent",
    "query-api": "services/query-api",
    "storage-consumer": "services/storage-consumer",
    "search-indexer": "services/search-indexer",
    "dlq-consumer": "services/dlq-consumer",
    "metrics-consumer": "services/metrics-consumer",
    "setup": "services/setup",
}
# tools/setup leaves it there where the machine has none.
_UV = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
_LOCKS = ("requirements.lock", "requirements-dev.lock")


def members() -> dict[str, Path]:
    """The workspace's packages by name."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    folders = (found.parent for pattern in told for found in ROOT.glob(f"{pattern}/pyproject.toml"))
    return {tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"]: folder for folder in folders}


def closure(name: str, extras: frozenset[str] = frozenset()) -> dict[str, Distribution]:
    """What `name` needs, itself included, by canonical name."""
    found: dict[str, Distribution] = {}
    waiting = [(name, extras)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        found[canonicalize_name(wanted[0])] = found_distribution = distribution(wanted[0])
        waiting += _needs(found_distribution, wanted[1])
    return found


def _needs(of: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for line in of.requires or ():
        told = Requirement(line)
        if told.marker is None or any(told.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(told.name), frozenset(told.extras)


def locked() -> dict[str, str]:
    """The locks' entries that are meant for this Python and machine, by canonical name, with their hashes."""
    found = {}
    for lock in _LOCKS:
        for entry in re.split(r"\n(?=\S)", (ROOT / lock).read_text()):
            if not re.match(r"[A-Za-z0-9._-]+==", entry):
                continue
            told = Requirement(entry.partition("\n")[0].rstrip(" \\"))
            if told.marker is None or told.marker.evaluate():
                found[canonicalize_name(told.name)] = entry.strip()
    return found


def fill(component: str, folder: Path) -> None:
    """Put wheels, requirements and SBOM into `folder`."""
    ours, lock = members(), locked()
    needs = closure(_package(component))
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    others = [lock[name] for name in sorted(needs) if name not in ours]
    (folder / "requirements.txt").write_text("\n".join(others) + "\n")
    pip = [_UV, "run", "--no-project", "--with", "pip", "python", "-m", "pip", "--disable-pip-version-check", "-q"]
    download = ["download", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-d", str(wheels)]
    subprocess.run([*pip, *download, "-r", str(folder / "requirements.txt")], check=True)
    for name in sorted(set(needs) & set(ours)):
        subprocess.run([_UV, "build", "-q", "--wheel", "-o", str(wheels), str(ours[name])], check=True, cwd=ROOT)
    lacking = set(needs) - {canonicalize_name(wheel.name.partition("-")[0]) for wheel in wheels.glob("*.whl")}
    if lacking:
        raise SystemExit(f"no wheels for {', '.join(sorted(lacking))}: do the locks have them for this Python?")
    (folder / "sbom.json").write_text(json.dumps(sbom(component, needs, ours), indent=1, sort_keys=True) + "\n")


def sbom(component: str, needs: dict[str, Distribution], ours: dict[str, Path]) -> dict[str, Any]:
    """CycloneDX 1.6: name, version, licence and package URL of all that is in the image beside its base."""
    parts = [
        {
            "type": "library",
            "name": found.metadata["Name"],
            "version": found.version,
            **({} if name in ours else {"purl": f"pkg:pypi/{name}@{found.version}"}),
            **_licence(found),
        }
        for name, found in sorted(needs.items())
    ]
    about = {
        "type": "application",
        "name": f"ovr-alpr/{component}",
        "version": distribution(_package(component)).version,
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": about},
        "components": parts,
    }


def _licence(found: Distribution) -> dict[str, Any]:
    told = found.metadata.get("License-Expression")
    if told:
        return {"licenses": [{"expression": told}]}
    classified = [
        line.rpartition(" :: ")[2]
        for line in found.metadata.get_all("Classifier") or ()
        if line.startswith("License ::")
    ]
    named = classified or [(found.metadata.get("License") or "").split("\n")[0][:100]]
    return {"licenses": [{"license": {"name": name}} for name in named if name]} if any(named) else {}


def digest(component: str) -> str:
    """Of everything that the image is made of: our sources, others' versions, the recipe."""
    ours, lock, needs = members(), locked(), closure(_package(component))
    told = hashlib.sha256()
    for name in sorted(needs):
        if name not in ours:
            told.update(lock[name].encode())
            continue
        for path in sorted([ours[name] / "pyproject.toml", *(ours[name] / "src").rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                told.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    for path in sorted([Path(__file__), *(ROOT / COMPONENTS[component]).glob("Containerfile*")]):
        told.update(path.read_bytes())
    return told.hexdigest()[:12]


def _package(component: str) -> str:
    folder = ROOT / COMPONENTS[component]
    return str(tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"])


if __name__ == "__main__":
    if sys.argv[1] == "--digest":
        sys.stdout.write(digest(sys.argv[2]) + "\n")
    else:
        fill(sys.argv[1], Path(sys.argv[2]))
