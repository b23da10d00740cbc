"""The trial's run: every frame decoded, detected on and read, and compared with what is true."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from alpr_edge_agent.decode import DecodeSettings, Target, open_decoder
from alpr_edge_agent.detect import Detector
from alpr_edge_agent.frames import BgrImage, Box
from alpr_edge_agent.recognize import PlateView, Recognizer
from alpr_edge_agent.trial import TrialResult
from alpr_edge_agent.trial.clip import KnownPlate, known_plates


def run_course(clip: Path, detector: Detector, recognizer: Recognizer, decode: DecodeSettings) -> TrialResult:
    """All frames of `clip` through both models, one by one. Blocks; raises what the models raise."""
    truth = known_plates(clip)
    _work(detector, recognizer, next(_frames(clip, decode)))  # the first inference sets things up, and is not counted
    right = total = frames = 0
    started, cpu = time.monotonic(), _cpu_s()
    for number, image in enumerate(_frames(clip, decode)):
        read = _work(detector, recognizer, image)
        known = truth.get(number, ())
        right += sum(_is_read(plate, read) for plate in known)
        total += len(known)
        frames += 1
    return TrialResult(
        score=right / total,
        plates=total,
        frames=frames,
        cpu_s=max(1e-6, _cpu_s() - cpu),
        wall_s=max(1e-6, time.monotonic() - started),
    )


def _frames(clip: Path, settings: DecodeSettings) -> Iterator[BgrImage]:
    decoder = open_decoder(settings, Target(str(clip), live=False))
    try:
        for decoded in decoder:
            yield decoded.picture.bgr()
    finally:
        decoder.close()


def _work(detector: Detector, recognizer: Recognizer, image: BgrImage) -> Sequence[tuple[Box, str]]:
    found = detector.detect([image])[0]
    views = [PlateView(image, Box(*(float(value) for value in corners))) for corners in found.boxes]
    readings = recognizer.read(views) if views else []
    return [(view.box, reading.text) for view, reading in zip(views, readings, strict=True) if reading is not None]


def _is_read(plate: KnownPlate, read: Sequence[tuple[Box, str]]) -> bool:
    x, y = (plate.box.x1 + plate.box.x2) / 2, (plate.box.y1 + plate.box.y2) / 2
    return any(text == plate.text and box.x1 < x < box.x2 and box.y1 < y < box.y2 for box, text in read)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system
