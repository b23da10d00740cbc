"""The clip that the system reads when nobody names a source."""

from __future__ import annotations

import hashlib
from pathlib import Path

from alpr_simulator.clip import render, truth_path
from alpr_simulator.scene import Scene

DEMO = Scene(seed=12, seconds=24, fps=15, width=1280, height=720, occupancy=0.85, vehicles=6, hardship=0.1)


def ensure_demo_clip(folder: Path) -> Path:
    """The demo clip in `folder`, rendered at the first call (about ten seconds of CPU); the same bytes' clip later."""
    path = folder / f"demo-{_content_version()}.mp4"
    if not (path.exists() and truth_path(path).exists()):
        folder.mkdir(parents=True, exist_ok=True)
        render(DEMO, path)
    return path


def _content_version() -> str:
    """Changes with the demo's scene and with the code that paints it: an older clip in the folder is then not used."""
    digest = hashlib.sha256(repr(DEMO).encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.name.encode() + module.read_bytes())
    return digest.hexdigest()[:12]
