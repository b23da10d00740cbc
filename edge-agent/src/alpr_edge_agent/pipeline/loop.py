"""The loop: newest frames of all cameras, one batch to the detector, one to the reader, then each analysis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import structlog

from alpr_edge_agent.crashes.marks import Marks
from alpr_edge_agent.detect import Detections, Detector
from alpr_edge_agent.frames import BgrImage, FrameInfo
from alpr_edge_agent.passes.analysis import SettledPlate, Wanted
from alpr_edge_agent.passes.quality import cut, sharpness
from alpr_edge_agent.pipeline.camera_run import Analysis, CameraRun
from alpr_edge_agent.pipeline.evidence import Shot
from alpr_edge_agent.pipeline.mailbox import FeedEnded
from alpr_edge_agent.pipeline.metrics import PipelineMetrics
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.pipeline.writer import Sighting
from alpr_edge_agent.recognize import PlateView, Reading, Recognizer
from alpr_edge_agent.sources import CameraFrame

log = structlog.get_logger(__name__)
ITEMS_A_TURN = 16
T = TypeVar("T")
R = TypeVar("R")
Watch = Callable[[FrameInfo, BgrImage, Detections], None]


class Stills(Protocol):
    """Reads photos."""

    def read(
        self, frame: CameraFrame, image: BgrImage, min_confidence: float
    ) -> tuple[tuple[SettledPlate, Shot | None], ...]:
        """The plates of one photo."""


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """What the loop works with; `open_stills` is called for the first photo.

    Attributes:
        watch: told of every analysed frame and its boxes; for windows and annotated pictures.
    """

    detector: Detector
    recognizer: Recognizer
    open_stills: Callable[[], Stills]
    write: Callable[[Sighting], None]
    marks: Marks
    board: StatusBoard
    metrics: PipelineMetrics
    max_batch: int = 8
    watch: Watch | None = None


@dataclass(slots=True)
class _Look:
    run: CameraRun
    analysis: Analysis
    frame: CameraFrame
    image: BgrImage
    began_s: float
    info: FrameInfo
    found: Detections | None = None
    wanted: tuple[Wanted, ...] = ()
    readings: list[Reading | None] = field(default_factory=list)


class Pipeline:
    """All cameras' loop; one thread calls it."""

    def __init__(self, parts: PipelineParts) -> None:
        self._parts = parts
        self.runs: dict[str, CameraRun] = {}
        self._stills: Stills | None = None

    def use(self, detector: Detector, recognizer: Recognizer) -> None:
        """From the next turn on these models work; what is in view of live cameras settles under the old ones."""
        self._parts = replace(self._parts, detector=detector, recognizer=recognizer)
        for run in self.runs.values():
            self._write(run.adopt(detector.digest, recognizer.digest))

    def turn(self) -> bool:
        """One round over all cameras: at most one frame of each. Whether there was anything to do."""
        busy = False
        looks: list[_Look] = []
        for run in list(self.runs.values()):
            frame, fetched = self._next_wanted(run)
            busy = busy or fetched
            if frame is not None:
                self._look(run, frame, looks)
        for batch in _batches(looks, self._parts.max_batch):
            self._analyse(batch)
        self._settle_silent()
        return busy

    def finish(self, run: CameraRun) -> None:
        """Settle what `run` has in view."""
        self._write(run.finish())

    def _write(self, sighting: Sighting | None) -> None:
        if sighting is not None:
            self._parts.write(sighting)

    def _settle_silent(self) -> None:
        for run in self.runs.values():
            if run.silent():
                self.finish(run)

    def _next_wanted(self, run: CameraRun) -> tuple[CameraFrame | None, bool]:
        """The next frame of `run` to look at, and whether anything was in its mailbox."""
        for n in range(ITEMS_A_TURN):
            item = run.mailbox.take()
            if item is None:
                return None, n > 0
            if isinstance(item, FeedEnded):
                self.finish(run)
            elif run.wants(item):
                return item, True
            else:
                self._parts.metrics.skipped(run.name)
        return None, True

    def _look(self, run: CameraRun, frame: CameraFrame, looks: list[_Look]) -> None:
        began = time.monotonic()
        with self._parts.marks.guard(run.name, "detect"):
            image = frame.picture.bgr()
        if frame.still:
            self._read_still(run, frame, image)
        elif run.analysis is not None:
            looks.append(_Look(run, run.analysis, frame, image, began, run.numbered(frame.info)))

    def _read_still(self, run: CameraRun, frame: CameraFrame, image: BgrImage) -> None:
        if self._stills is None:
            self._stills = self._parts.open_stills()
        stills, least = self._stills, run.camera.config.analytics.min_confidence
        found = self._alone(run, "read", lambda: stills.read(frame, image, least))
        self._parts.board.count(run.name, analysed=1)
        if found:
            self._parts.write(Sighting(run.origin, live=False, plates=found))

    def _analyse(self, batch: list[_Look]) -> None:
        started = time.monotonic()
        self._detect(batch)
        detected = time.monotonic()
        looks = [look for look in batch if look.found is not None]
        for look in looks:
            assert look.found is not None  # noqa: S101 - just filtered
            look.wanted = look.analysis.observe(look.info, look.found)
            look.run.found(look.found)
            self._parts.metrics.processed(look.run.name, plates=len(look.found), detection_s=detected - started)
            self._parts.board.count(look.run.name, analysed=1)
            if self._parts.watch is not None:
                self._parts.watch(look.info, look.image, look.found)
        self._read(looks)
        for look in looks:
            self._absorb(look)

    def _detect(self, batch: list[_Look]) -> None:
        found = self._together(batch, "detect", lambda looks: self._parts.detector.detect([k.image for k in looks]))
        for look, detections in zip(batch, found, strict=True):
            look.found = detections

    def _read(self, looks: list[_Look]) -> None:
        asking = [look for look in looks if look.wanted]
        started = time.monotonic()
        read = self._together(asking, "read", self._readings)
        took = time.monotonic() - started
        for look, readings in zip(asking, read, strict=True):
            look.readings = readings if readings is not None else [None] * len(look.wanted)
            self._parts.metrics.read(look.run.name, views=len(look.wanted), reading_s=took)

    def _readings(self, looks: Sequence[_Look]) -> list[list[Reading | None]]:
        views = [PlateView(look.image, wanted.box) for look in looks for wanted in look.wanted]
        readings = iter(self._parts.recognizer.read(views))
        return [[next(readings) for _ in look.wanted] for look in looks]

    def _absorb(self, look: _Look) -> None:
        sharp = [sharpness(cut(look.image, wanted.box)) for wanted in look.wanted]
        outcome = look.analysis.absorb(look.info, look.wanted, look.readings, sharp)
        self._write(look.run.take(look.frame, outcome))
        took = time.monotonic() - look.began_s
        self._parts.metrics.settled(look.run.name, processing_s=took, tracks=len(look.run.album))

    def _together(
        self, looks: list[_Look], stage: str, work: Callable[[Sequence[_Look]], Sequence[R]]
    ) -> Sequence[R | None]:
        """`work` on all at once; where that fails each alone, so that one camera's frame harms no other."""
        if not looks:
            return ()
        with ExitStack() as stack:
            for look in looks:
                stack.enter_context(self._parts.marks.guard(look.run.name, stage))
            try:
                return work(looks)
            except Exception:
                if len(looks) == 1:
                    log.exception("frame_not_analysed", camera=looks[0].run.name, stage=stage)
                    return (None,)
        return [self._together([look], stage, work)[0] for look in looks]

    def _alone(self, run: CameraRun, stage: str, work: Callable[[], T]) -> T | None:
        try:
            with self._parts.marks.guard(run.name, stage):
                return work()
        except Exception:
            log.exception("frame_not_analysed", camera=run.name, stage=stage)
            return None


def _batches(items: list[_Look], size: int) -> Iterator[list[_Look]]:
    for at in range(0, len(items), size):
        yield items[at : at + size]
