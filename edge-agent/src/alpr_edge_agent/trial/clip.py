"""The clip of the trial: drawn on the node at first use, a few seconds of work; nobody's picture."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alpr_edge_agent.frames import Box

LEAST_WIDTH_PX = 100.0
LEAST_VISIBLE = 0.99
_SETTINGS = {
    "seed": 5, "seconds": 8.0, "fps": 10.0, "width": 1920, "height": 1080, "occupancy": 0.9, "vehicles": 6,
    "hardship": 0.0, "zoom": 1.5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownPlate:
    """A plate that can be read in a frame: its text, A-Z0-9, and where it is."""

    text: str
    box: Box


def ensure_clip(folder: Path) -> Path:
    """The clip in `folder`, drawn at the first call. Blocks; raises OSError."""
    from alpr_simulator.clip import render, truth_path
    from alpr_simulator.scene import Scene

    version = hashlib.sha256(repr(sorted(_SETTINGS.items())).encode()).hexdigest()[:8]
    path = folder / f"trial-{version}.mp4"
    if not (path.exists() and truth_path(path).exists()):
        folder.mkdir(parents=True, exist_ok=True)
        render(Scene(**_SETTINGS), path)  # type: ignore[arg-type] # one literal above holds them all
    return path


def known_plates(clip: Path) -> Mapping[int, Sequence[KnownPlate]]:
    """By frame number, the plates of `clip` that are whole, in view and wide enough to be read."""
    from alpr_simulator.clip import truth_path
    from alpr_simulator.truth import read_truth

    plates: dict[int, list[KnownPlate]] = defaultdict(list)
    for vehicle in read_truth(truth_path(clip)).vehicles:
        for sight in vehicle.sights:
            if sight.visibility >= LEAST_VISIBLE and sight.width_px >= LEAST_WIDTH_PX:
                plates[sight.frame].append(KnownPlate(vehicle.text, Box(*sight.box)))
    return plates
