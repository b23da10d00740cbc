"""The pipeline as a process, with a reader of colours and a decoder that dies in native code; run by test_crashes.py.

Usage: crashing_pipeline.py FOLDER. A camera whose clip is named crash-… kills the process by SIGSEGV at its fifth frame.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alpr_edge_agent.decode import Decoded, Decoder, DecodeSettings, Hooks, Target, open_decoder
from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import BgrImage
from alpr_edge_agent.pipeline.main import Backends, run_process
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_edge_agent.recognize import ALPHABET, PlateView, Reading
from alpr_telemetry import configure
from alpr_testing import coloured


class DyingDecoder:
    """Works, but not for long."""

    def __init__(self, inner: Decoder, hooks: Hooks) -> None:
        self._inner = inner
        self._hooks = hooks
        self.stream = inner.stream

    def __iter__(self) -> Iterator[Decoded]:
        for number, decoded in enumerate(self._inner):
            if number == 5:
                with self._hooks.guard():
                    ctypes.string_at(0)
            yield decoded

    def close(self) -> None:
        self._inner.close()


def decoder(settings: DecodeSettings, target: Target, hooks: Hooks) -> Decoder:
    inner = open_decoder(settings, target, hooks)
    return DyingDecoder(inner, hooks) if Path(target.address).name.startswith("crash-") else inner


class Detector:
    digest = "sha256:colour-detector"

    def detect(self, images: Sequence[BgrImage]) -> list[Detections]:
        found = [np.array(coloured.find(image), np.float32).reshape(-1, 4) for image in images]
        return [Detections(boxes, np.full(len(boxes), 0.9, np.float32)) for boxes in found]


class Reader:
    digest = "sha256:colour-reader"

    def read(self, views: Sequence[PlateView]) -> list[Reading | None]:
        return [self._read(view) for view in views]

    @staticmethod
    def _read(view: PlateView) -> Reading:
        box = view.box
        text = coloured.read(view.image, (int(box.x1), int(box.y1), int(box.x2), int(box.y2)))
        posteriors = np.full((len(text), len(ALPHABET)), 0.0005, np.float32)
        posteriors[range(len(text)), [ALPHABET.index(letter) for letter in text]] = 0.98
        return Reading(text, 0.98, posteriors, ((text, 0.98),))


def main(folder: Path) -> None:
    configure("pipeline")
    backends: dict[str, Any] = {"open_detector": lambda _: Detector(), "open_recognizer": lambda _: Reader()}
    settings = PipelineSettings(data=folder, metrics_port=0)
    run_process(settings, Backends(open_decoder=decoder, probation_s=1.5, **backends))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
