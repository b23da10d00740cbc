# noqa: INP001 - a script beside what it writes
"""Write the table of values into each chart's README.md, from the comments in its values.yaml.

A comment that begins with `# -- ` says what the value below it is for. Run it after a change of one; `tests/deploy`
fails until then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent
CHARTS: Final = ("alpr-crds", "alpr-operator", "alpr-site", "alpr-services", "alpr-central")
_HEAD: Final = "\n## Values\n\nMade from `values.yaml` by `helm/write_readmes.py`.\n\n"
_KEY: Final = re.compile(r"^( *)([A-Za-z0-9_.-]+):")


def documented(text: str) -> dict[str, str]:
    """What the comments say, by a value's path."""
    told: dict[str, str] = {}
    above: list[str] = []
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            above = [stripped.removeprefix("# -- ")]
        elif stripped.startswith("#") and above:
            above.append(stripped.removeprefix("#").strip())
        elif found := _KEY.match(line):
            path = [(depth, word) for depth, word in path if depth < len(found[1])] + [(len(found[1]), found[2])]
            if above:
                told[".".join(word for _, word in path)] = " ".join(above)
            above = []
        else:
            above = []
    return told


def leaves(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Each value by its path; what requests and limits hold is one."""
    for name, value in values.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and value and name != "resources":
            yield path, None
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def table(chart: str) -> str:
    """The chart's values as a Markdown table."""
    text = (HERE / chart / "values.yaml").read_text()
    said = documented(text)
    rows = ["| value | default | what it is for |", "|---|---|---|"]
    for path, value in leaves(yaml.safe_load(text)):
        words = said.get(path, "").replace("|", "\\|")
        if value is None and not words:
            continue
        default = "" if value is None else f"`{json.dumps(value)}`".replace("|", "\\|")
        rows.append(f"| `{path}` | {default} | {words} |")
    return "\n".join(rows) + "\n"


def rendered() -> dict[Path, str]:
    """What each README.md shall hold: what people wrote, then the table."""
    found = {chart: HERE / chart / "README.md" for chart in CHARTS if (HERE / chart / "README.md").exists()}
    return {path: path.read_text().partition(_HEAD)[0] + _HEAD + table(chart) for chart, path in found.items()}


if __name__ == "__main__":
    for path, text in rendered().items():
        path.write_text(text)
