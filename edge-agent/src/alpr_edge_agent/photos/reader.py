"""Plates of one picture: found, looked for again where none was, and read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpr_edge_agent.detect import Detections, Detector, DetectorSettings, open_detector
from alpr_edge_agent.frames import BgrImage, Box
from alpr_edge_agent.photos import Photo, open_photo
from alpr_edge_agent.reading.formats import Row
from alpr_edge_agent.recognize import PlateView, Recognizer, RecognizerSettings, open_recognizer

INPUT_SIZE = 960
"""Photos often show far vehicles, and nobody waits for the next frame: half as large again as video's."""

SECOND_INPUT_SIZE = 1920
"""For a picture without a plate at first sight; a plate of 1 % of its width then still has 19 pixels."""


@dataclass(frozen=True, slots=True)
class PlateRead:
    """One plate of a picture.

    Attributes:
        confidence: 0 to 1, of the text.
        box: in pixels of the file's picture, upright.
        candidates: (text, probability), best first; the first is `text`.
    """

    text: str
    confidence: float
    box: Box
    candidates: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class PhotoReading:
    """What was read from one picture; plates come in the order of the detector's confidence.

    Attributes:
        width, height: pixels, upright.
        took_ms: finding and reading, without loading the file.
    """

    source: str
    width: int
    height: int
    plates: tuple[PlateRead, ...]
    took_ms: float

    def rows(self) -> list[Row]:
        """The plates as table and CSV show them."""
        return [Row(plate.text, plate.confidence, _corners(plate.box)) for plate in self.plates]

    def as_json(self) -> dict[str, Any]:
        """The line of `alpr read --format jsonl`."""
        return {
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "plates": [_plate_json(plate) for plate in self.plates],
            "took_ms": round(self.took_ms, 1),
        }


class PhotoReader:
    """Reads photos. Safe to call from several threads where its detectors and recognizer are."""

    def __init__(self, detector: Detector, closer: Detector, recognizer: Recognizer) -> None:
        """`closer` looks again, at a larger scale, where `detector` finds nothing."""
        self._detector = detector
        self._closer = closer
        self._recognizer = recognizer

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the weights in use, by role."""
        return {"detector": self._detector.digest, "recognizer": self._recognizer.digest}

    def read_file(self, path: Path) -> PhotoReading:
        """The plates of the photo at `path`. Raises PhotoError."""
        return self.read(open_photo(path), str(path))

    def read(self, photo: Photo, source: str) -> PhotoReading:
        """The plates of `photo`; `source` names it."""
        started = time.perf_counter()
        plates = self._plates(photo.image, photo.scale)
        return PhotoReading(source, photo.width, photo.height, plates, (time.perf_counter() - started) * 1000)

    def _plates(self, image: BgrImage, scale: float) -> tuple[PlateRead, ...]:
        found = self._detector.detect([image])[0]
        if not len(found) and max(image.shape[:2]) > INPUT_SIZE:
            found = self._closer.detect([image])[0]
        boxes = _boxes(found)
        readings = self._recognizer.read([PlateView(image, box) for box in boxes])
        return tuple(
            PlateRead(reading.text, reading.confidence, resized(box, scale), reading.candidates)
            for box, reading in zip(boxes, readings, strict=True)
            if reading is not None
        )


def open_photo_reader(models_dir: Path | None = None, *, input_size: int = INPUT_SIZE) -> PhotoReader:
    """A reader with the models for photos. Raises ModelUnavailable."""
    where = {} if models_dir is None else {"models_dir": models_dir}
    first = DetectorSettings.model_validate({"input_size": input_size, **where})
    closer = first.model_copy(update={"input_size": max(input_size, SECOND_INPUT_SIZE)})
    recognizer = RecognizerSettings.model_validate({"mode": "quality", **where})
    return PhotoReader(open_detector(first), open_detector(closer), open_recognizer(recognizer))


def _boxes(found: Detections) -> Sequence[Box]:
    return [Box(*(float(value) for value in box)) for box in found.boxes]


def resized(box: Box, factor: float) -> Box:
    """`box` in a picture that is `factor` times as large."""
    return Box(*(value * factor for value in _corners(box)))


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.x1, box.y1, box.x2, box.y2


def _plate_json(plate: PlateRead) -> dict[str, Any]:
    return {
        "text": plate.text,
        "confidence": round(plate.confidence, 4),
        "box": [round(value, 1) for value in _corners(plate.box)],
        "candidates": [[text, round(p, 4)] for text, p in plate.candidates],
    }
