"""The clip that the system reads when nobody names a source."""

from __future__ import annotations

from pathlib import Path

from alpr_simulator.clip import render, truth_path
from alpr_simulator.scene import Scene

DEMO = Scene(seed=8, seconds=24, fps=15, width=1280, height=720, occupancy=0.85, vehicles=6, hardship=0.1)
_VERSION = 1
"""Counts changes of what the demo shows: an older clip in the folder is then not used."""


def ensure_demo_clip(folder: Path) -> Path:
    """The demo clip in `folder`, rendered at the first call (about ten seconds of CPU); the same bytes' clip later."""
    path = folder / f"demo-{_VERSION}.mp4"
    if not (path.exists() and truth_path(path).exists()):
        folder.mkdir(parents=True, exist_ok=True)
        render(DEMO, path)
    return path
