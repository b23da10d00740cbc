"""Writes the CRDs into a folder: `python -m alpr_schemas.crd crds/`."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from alpr_schemas.crd import definitions

HEADER = "# Made from alpr_schemas.resources by `make crds`; do not edit.\n"


class _Plain(yaml.SafeDumper):
    """Repeats what stands twice: people compare these files."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - yaml calls it
        return True


def text(definition: object) -> str:
    """A CRD as YAML."""
    return HEADER + yaml.dump(definition, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


def main(folder: Path) -> None:
    """Write one file a kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for plural, definition in definitions().items():
        (folder / f"{plural}.yaml").write_text(text(definition))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "crds"))
