# noqa: INP001 - a part of tools/skaffold-build
"""Print the files of which a component's image is made, as the JSON list that skaffold watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from image_inputs import COMPONENTS, ROOT, closure, members


def inputs(component: str) -> Iterator[Path]:
    """Our packages that it needs, the locks of the others, and the recipe."""
    name = "alpr-" + component
    ours = members()
    for needed in sorted(closure(name).keys() & ours.keys()):
        yield ours[needed] / "pyproject.toml"
        yield from (path for path in sorted((ours[needed] / "src").rglob("*")) if path.is_file())
    yield from sorted((ROOT / COMPONENTS[component]).glob("Containerfile*"))
    yield from (ROOT / name for name in ("requirements.lock", "requirements-dev.lock"))
    yield from (ROOT / "tools" / name for name in ("images", "image_building.sh", "image_inputs.py"))


if __name__ == "__main__":
    if sys.argv[1] not in COMPONENTS:
        sys.exit(f"{sys.argv[1]}: no component; there are: {', '.join(COMPONENTS)}")
    found = [str(path.relative_to(ROOT)) for path in inputs(sys.argv[1]) if "__pycache__" not in path.parts]
    sys.stdout.write(json.dumps(found) + "\n")
