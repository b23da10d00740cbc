"""Where the event path's servers lie: `tools/event-servers` obtains each of them once, into a cache folder."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from alpr_testing.needs import missing

TOOLS = Path(__file__).parents[4] / "tools"


@cache
def server_folder(name: str) -> Path:
    """The folder of the server `name`, obtained where it is missing. Skips the test (in CI: fails) if it cannot be."""
    return Path(_told("event-servers", name, what=f"no {name} server can be had here"))


@cache
def java(least: int, most: int = 99) -> Path:
    """A Java of version `least` to `most`. Skips the test (in CI: fails) where the machine has none."""
    return Path(_told("java-found", str(least), str(most), what="a Java is missing"))


@cache
def node() -> Path:
    """A Node.js, obtained where it is missing. Skips the test (in CI: fails) if it cannot be."""
    return Path(_told("node-found", what="no Node.js can be had here")) / "node"


def _told(tool: str, *arguments: str, what: str) -> str:
    done = subprocess.run([str(TOOLS / tool), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"{what}: {done.stderr[-500:]}")
    return done.stdout.strip().splitlines()[-1]
