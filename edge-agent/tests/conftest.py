from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import BgrImage
from alpr_edge_agent.recognize import ALPHABET, PlateView, Reading
from alpr_schemas.resources import EdgeAssignment
from alpr_testing import coloured


class ColourDetector:
    """Finds the plates of `alpr_testing.coloured`."""

    digest = "sha256:colour-detector"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, images: Sequence[BgrImage]) -> list[Detections]:
        self.batches.append(len(images))
        found = [coloured.find(image) for image in images]
        return [
            Detections(np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.9, np.float32))
            for boxes in found
        ]


class ColourReader:
    """Reads them."""

    digest = "sha256:colour-reader"

    def read(self, views: Sequence[PlateView]) -> list[Reading | None]:
        return [_reading(coloured.read(v.image, _whole(v.box))) for v in views]


def _whole(box: Any) -> coloured.Box:
    return int(box.x1), int(box.y1), int(box.x2), int(box.y2)


def _reading(text: str) -> Reading:
    posteriors = np.full((len(text), len(ALPHABET)), 0.0005, np.float32)
    for row, letter in enumerate(text):
        posteriors[row, ALPHABET.index(letter)] = 0.98
    return Reading(text, 0.98, posteriors, ((text, 0.98),))


@pytest.fixture
def detector() -> ColourDetector:
    return ColourDetector()


@pytest.fixture
def reader() -> ColourReader:
    return ColourReader()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, two vehicles."""
    passes = [coloured.Passing("RED111", 8, 20), coloured.Passing("GRN222", 34, 20)]
    return coloured.write_clip(tmp_path_factory.mktemp("clips") / "two.mp4", passes)


@pytest.fixture
def assign() -> Callable[..., EdgeAssignment]:
    """An assignment of cameras given as name=source, with their analytics beside."""

    def make(revision: int = 1, analytics: dict[str, Any] | None = None, **sources: dict[str, Any]) -> EdgeAssignment:
        cameras = [
            {"name": name, "config": {"source": source, "analytics": (analytics or {}).get(name, {})}}
            for name, source in sources.items()
        ]
        spec = {"nodeName": "n1", "site": "s1", "revision": revision, "cameras": cameras, "connectPerSecond": 100}
        return EdgeAssignment.model_validate({"metadata": {"name": "n1"}, "spec": spec})

    return make


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()
