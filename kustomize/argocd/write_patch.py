# noqa: INP001 - a script beside what it writes
"""Make argocd-cm.patch.yaml from resource_customizations/: health checks and actions as Argo CD's ConfigMap takes them.

Run it after a change of a script; `tests/deploy` fails until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

HERE: Final = Path(__file__).parent
SCRIPTS: Final = HERE / "resource_customizations"
PATCH: Final = HERE / "argocd-cm.patch.yaml"
_HEAD: Final = "# Made by write_patch.py from resource_customizations/: change the scripts there.\n"
# Statuses turn often and are not Git's: without this each turn makes Argo CD compare the whole application anew.
_QUIET_KINDS: Final = ("AlprSite", "Camera")
_QUIET: Final = "jsonPointers:\n  - /status\n  - /metadata/resourceVersion\n"


class _Text(str):
    """A text that is written as a block."""

    __slots__ = ()


def _block(dumper: yaml.SafeDumper, text: _Text) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


yaml.SafeDumper.add_representer(_Text, _block)


def rendered() -> str:
    """What the patch shall hold."""
    data = {key: _Text(text) for kind in sorted(SCRIPTS.glob("*/*")) for key, text in _entries(kind)}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data}
    return _HEAD + yaml.safe_dump(manifest, sort_keys=False, width=160)


def _entries(kind: Path) -> Iterator[tuple[str, str]]:
    name = f"{kind.parent.name}_{kind.name}"
    yield f"resource.customizations.health.{name}", (kind / "health.lua").read_text()
    if (kind / "actions").is_dir():
        yield f"resource.customizations.actions.{name}", _actions(kind / "actions")
    if kind.name in _QUIET_KINDS:
        yield f"resource.customizations.ignoreResourceUpdates.{name}", _QUIET


def _actions(folder: Path) -> str:
    scripts = sorted(folder.glob("*/action.lua"))
    definitions = [{"name": script.parent.name, "action.lua": _Text(script.read_text())} for script in scripts]
    told = {"discovery.lua": _Text((folder / "discovery.lua").read_text()), "definitions": definitions}
    return yaml.safe_dump(told, sort_keys=False, width=160)


if __name__ == "__main__":
    PATCH.write_text(rendered())
