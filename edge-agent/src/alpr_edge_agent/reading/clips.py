"""Vehicle passes of a clip: the camera's own analysis, run over a file as fast as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alpr_edge_agent.decode import DecodeSettings, Picture, Target, open_decoder
from alpr_edge_agent.detect import Detector, DetectorSettings, open_detector
from alpr_edge_agent.errors import SourceUnavailable
from alpr_edge_agent.frames import BgrImage, FrameInfo
from alpr_edge_agent.passes.analysis import CameraAnalysis, Outcome, SettledPlate, VehiclePass
from alpr_edge_agent.passes.quality import cut, sharpness
from alpr_edge_agent.pipeline.motion import MotionGate
from alpr_edge_agent.pipeline.schedule import Schedule
from alpr_edge_agent.reading.formats import Row
from alpr_edge_agent.recognize import PlateView, Recognizer, RecognizerSettings, open_recognizer

MAX_FPS = 10.0
"""Frames a second of the clip that are looked at; more add time and next to no readings."""

_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ClipPass:
    """One vehicle of a clip whose plate was read.

    Attributes:
        shot_s: when its best picture was taken; `plate.box` is a place in it. From the clip's start, as the others.
        image: that picture.
    """

    source: str
    plate: SettledPlate
    direction: str | None
    from_s: float
    until_s: float
    shot_s: float
    image: BgrImage

    def as_json(self) -> dict[str, Any]:
        """The line of `alpr read --format jsonl`; the keys of a photo's plate, and the times."""
        box = self.plate.box
        return {
            "source": self.source,
            "text": self.plate.text,
            "confidence": round(self.plate.confidence, 4),
            "box": [round(value, 1) for value in (box.x1, box.y1, box.x2, box.y2)],
            "candidates": [[text, round(p, 4)] for text, p in self.plate.candidates],
            "from_s": round(self.from_s, 3),
            "until_s": round(self.until_s, 3),
            "at_s": round(self.shot_s, 3),
            "direction": self.direction,
        }

    def rows(self) -> list[Row]:
        """The plate as table and CSV show it."""
        box = self.plate.box
        corners = (box.x1, box.y1, box.x2, box.y2)
        return [Row(self.plate.text, self.plate.confidence, corners, self.from_s, self.until_s)]


class ClipReader:
    """Reads clips, one after the other, with the settings of a camera."""

    def __init__(self, detector: Detector, recognizer: Recognizer) -> None:
        self._detector = detector
        self._recognizer = recognizer

    def read_file(self, path: Path) -> Iterator[ClipPass]:
        """The passes of the clip at `path`, in the order in which vehicles leave. Blocks. Raises SourceUnavailable."""
        _refuse_empty(path)
        decoder = open_decoder(DecodeSettings(), Target(str(path), live=False))
        run = _Run(str(path), self._detector, self._recognizer)
        try:
            first_s: float | None = None
            for number, decoded in enumerate(decoder):
                first_s = decoded.pts_s if first_s is None else first_s
                yield from run.frame(number, decoded.pts_s - first_s, decoded.picture)
        finally:
            decoder.close()
        yield from run.end()


class _Run:
    """One clip on its way through the analysis, and the best picture of each vehicle in view."""

    def __init__(self, source: str, detector: Detector, recognizer: Recognizer) -> None:
        self._source = source
        self._detector = detector
        self._recognizer = recognizer
        self._analysis = CameraAnalysis()
        self._gate = MotionGate()
        self._schedule = Schedule(MAX_FPS)
        self._shots: dict[int, BgrImage] = {}

    def frame(self, number: int, time_s: float, picture: Picture) -> list[ClipPass]:
        moment = _START + timedelta(seconds=round(time_s, 6))
        info = FrameInfo(self._source, self._source, number, moment, picture.width, picture.height)
        if not self._schedule.wants(info, lambda: self._moves(picture, time_s)):
            return []
        image = picture.bgr()
        detections = self._detector.detect([image])[0]
        wanted = self._analysis.observe(info, detections)
        if not len(detections) and not self._analysis.active:
            self._gate.nothing_there()
        readings = self._recognizer.read([PlateView(image, want.box) for want in wanted])
        sharp = [sharpness(cut(image, want.box)) for want in wanted]
        outcome = self._analysis.absorb(info, wanted, readings, sharp)
        self._shots.update((track, image) for track, _ in outcome.keep)
        return self._passes(outcome)

    def end(self) -> list[ClipPass]:
        return self._passes(self._analysis.finish())

    def _moves(self, picture: Picture, time_s: float) -> bool:
        return self._gate.passes(picture.luma(self._gate.step(picture.width)), time_s) or self._analysis.active

    def _passes(self, outcome: Outcome) -> list[ClipPass]:
        found = []
        for track in outcome.dropped:
            self._shots.pop(track, None)
        for vehicle in outcome.passes:
            image = self._shots.pop(vehicle.track, None)
            if vehicle.plate is not None and image is not None:
                found.append(_clip_pass(self._source, vehicle, vehicle.plate, image))
        return found


def open_clip_reader(models_dir: Path | None = None) -> ClipReader:
    """A reader with the models for video. Raises ModelUnavailable."""
    where = {} if models_dir is None else {"models_dir": models_dir}
    return ClipReader(
        open_detector(DetectorSettings.model_validate(where)),
        open_recognizer(RecognizerSettings.model_validate(where)),
    )


def _refuse_empty(path: Path) -> None:
    try:
        if path.stat().st_size:
            return
    except OSError as error:
        raise SourceUnavailable(f"{error.strerror}; make the file readable") from error
    raise SourceUnavailable("it is empty (0 bytes); replace it")


def _clip_pass(source: str, vehicle: VehiclePass, plate: SettledPlate, image: BgrImage) -> ClipPass:
    times = (vehicle.first_seen_at, vehicle.last_seen_at, plate.shot.captured_at)
    from_s, until_s, shot_s = ((moment - _START).total_seconds() for moment in times)
    return ClipPass(source, plate, vehicle.direction, from_s, until_s, shot_s, image)
