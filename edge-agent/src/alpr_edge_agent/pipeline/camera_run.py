"""The loop's side of one camera: which frames it looks at, its analysis, its kept shots, its epochs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import FrameInfo
from alpr_edge_agent.passes.analysis import AnalysisSettings, Outcome, SettledPlate, Wanted
from alpr_edge_agent.pipeline.camera_thread import CameraThread
from alpr_edge_agent.pipeline.evidence import Album, Shot
from alpr_edge_agent.pipeline.mailbox import Mailbox
from alpr_edge_agent.pipeline.motion import MotionGate
from alpr_edge_agent.pipeline.observations import Origin
from alpr_edge_agent.pipeline.schedule import Schedule
from alpr_edge_agent.pipeline.writer import Sighting
from alpr_edge_agent.recognize import Reading
from alpr_edge_agent.sources import CameraFrame
from alpr_schemas.resources import Analytics, AssignedCamera
from alpr_schemas.resources.camera import Zone

RESUMED_WITHIN = timedelta(seconds=2)
SILENT_AFTER_S = 3.0


class Analysis(Protocol):
    """What the loop needs of `alpr_edge_agent.passes.analysis.CameraAnalysis`."""

    @property
    def active(self) -> bool:
        """Whether a vehicle that moves, or may, is in view: every frame counts then."""

    def observe(self, info: FrameInfo, detections: Detections) -> tuple[Wanted, ...]:
        """See `alpr_edge_agent.passes.analysis`."""

    def absorb(
        self,
        info: FrameInfo,
        wanted: Sequence[Wanted],
        readings: Sequence[Reading | None],
        sharpness: Sequence[float] | None = None,
    ) -> Outcome:
        """See `alpr_edge_agent.passes.analysis`."""

    def finish(self) -> Outcome:
        """See `alpr_edge_agent.passes.analysis`."""


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a camera's run shares with the others.

    Attributes:
        origin: with the epoch left empty.
        resumed: the process before this one was cut off.
        analyses: how many there were of a camera and a live epoch, over all of its runs.
    """

    new_analysis: Callable[[AnalysisSettings], Analysis]
    origin: Origin
    max_fps: float | None
    motion_gate: bool
    resumed: bool
    clock: Callable[[], float] = time.monotonic
    analyses: dict[tuple[str, str], int] = field(default_factory=dict)


class CameraRun:
    """One camera in the loop; only the loop's thread calls it."""

    def __init__(
        self, camera: AssignedCamera, thread: CameraThread, mailbox: Mailbox, stop: threading.Event, parts: RunParts
    ) -> None:
        self.camera = camera
        self.thread = thread
        self.mailbox = mailbox
        self.stop = stop
        self._parts = parts
        self._analytics = camera.config.analytics
        self._epoch_seen = ""
        self._resume_flagged = not parts.resumed
        self.analysis: Analysis | None = None
        self.album = Album()
        self.origin = parts.origin
        self._gate = MotionGate(roi=polygons(self._analytics.roi))
        self._schedule = Schedule(parts.max_fps, self._analytics.frame_skip)
        self._heard_s = parts.clock()

    @property
    def name(self) -> str:
        """The camera's."""
        return self.camera.name

    @property
    def live(self) -> bool:
        """Whether times are the wall clock's."""
        source = self.thread.source
        return source is not None and source.paced

    def wants(self, frame: CameraFrame) -> bool:
        """Whether `frame` is looked at; opens its epoch where it is the first."""
        self._heard_s = self._parts.clock()
        if frame.still:
            self._epoch_seen = frame.info.epoch
            self.origin = replace(self._parts.origin, epoch=frame.info.epoch, lane=self._analytics.lane)
            return True
        if self.analysis is None or frame.info.epoch != self._epoch_seen:
            self._begin(frame.info)
        return self._schedule.wants(frame.info, lambda: self._moves(frame))

    def numbered(self, info: FrameInfo) -> FrameInfo:
        """`info` in this run's epoch."""
        return info if info.epoch == self.origin.epoch else replace(info, epoch=self.origin.epoch)

    def found(self, detections: Detections) -> None:
        """What the detector says of the frame that was wanted last."""
        if not len(detections):
            self._gate.nothing_there()

    def take(self, frame: CameraFrame, outcome: Outcome) -> Sighting | None:
        """Keep what `outcome` keeps; what it settled, with the shots of it."""
        for track, box in outcome.keep:
            self.album.keep(track, Shot(frame.picture, box))
        return self._sighting(outcome)

    def finish(self) -> Sighting | None:
        """The epoch is over: settle what is in view."""
        if self.analysis is None:
            return None
        sighting = self._sighting(self.analysis.finish())
        self.analysis = None
        self.album = Album()
        return sighting

    def silent(self) -> bool:
        """Whether a vehicle in view waits for frames that do not come."""
        return self.live and len(self.album) > 0 and self._parts.clock() - self._heard_s > SILENT_AFTER_S

    def reconfigure(self, camera: AssignedCamera) -> Sighting | None:
        """Other analytics, same stream: what is in view settles under the old ones."""
        sighting = self.finish()
        self.camera, self._analytics = camera, camera.config.analytics
        self._gate = MotionGate(roi=polygons(self._analytics.roi))
        self._schedule = Schedule(self._parts.max_fps, self._analytics.frame_skip)
        return sighting

    def adopt(self, detector_digest: str, reader_digest: str) -> Sighting | None:
        """Other models: what is in view settles, and the next pass names the new ones.

        A clip goes on as it is until it ends, because its tracks must not be numbered anew within one epoch.
        """
        origin = replace(self._parts.origin, detector_digest=detector_digest, reader_digest=reader_digest)
        self._parts = replace(self._parts, origin=origin)
        return self.finish() if self.live else None

    def _begin(self, info: FrameInfo) -> None:
        self._epoch_seen = info.epoch
        self.origin = replace(
            self._parts.origin,
            epoch=self._fresh_epoch(info.epoch),
            lane=self._analytics.lane,
            resumed_before=self._resumed_before(info),
        )
        self.analysis = self._parts.new_analysis(analysis_settings(self._analytics))
        self._schedule = Schedule(self._parts.max_fps, self._analytics.frame_skip)

    def _fresh_epoch(self, epoch: str) -> str:
        """A new analysis numbers its tracks from 1 again: a live one needs an epoch that none before it had.

        A file's stays its digest: reading it again shall find the same ids.
        """
        if not self.live:
            return epoch
        key = (self.name, epoch)
        self._parts.analyses[key] = nth = self._parts.analyses.get(key, 0) + 1
        return epoch if nth == 1 else f"{epoch}:{nth}"

    def _resumed_before(self, info: FrameInfo) -> datetime | None:
        if self._resume_flagged or not self.live:
            return None
        self._resume_flagged = True
        return info.captured_at + RESUMED_WITHIN

    def _moves(self, frame: CameraFrame) -> bool:
        if not self._parts.motion_gate:
            return True
        luma = frame.picture.luma(self._gate.step(frame.info.width))
        watchful = self.analysis is not None and self.analysis.active
        return self._gate.passes(luma, frame.info.captured_at.timestamp(), watchful=watchful)

    def _sighting(self, outcome: Outcome) -> Sighting | None:
        plates = tuple((plate, self._shot(plate)) for plate in outcome.plates)
        for track in (*outcome.dropped, *(vehicle.track for vehicle in outcome.passes)):
            self.album.drop(track)
        if not plates and not outcome.passes:
            return None
        return Sighting(self.origin, self.live, plates, outcome.passes)

    def _shot(self, plate: SettledPlate) -> Shot | None:
        return self.album.of(plate.track)


def polygons(zones: Sequence[Zone]) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Zones of the configuration as the analysis takes them."""
    return tuple(tuple(zone.points) for zone in zones)


def analysis_settings(analytics: Analytics) -> AnalysisSettings:
    """A camera's `analytics` as its analysis takes them."""
    return AnalysisSettings(
        roi=polygons(analytics.roi),
        ignore=polygons(analytics.ignore),
        min_plate_width_px=analytics.min_plate_width_px,
        countries=analytics.countries,
        min_confidence=analytics.min_confidence,
    )
