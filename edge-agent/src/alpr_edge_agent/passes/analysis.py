"""One camera's reasoning from boxes to vehicle passes: pure, driven by frame times, no clock and no I/O.

The loop around it (pipeline, benchmark, `alpr read` on a clip) does three things a frame:

    wanted = analysis.observe(info, detections)
    outcome = analysis.absorb(info, wanted, recognizer.read([PlateView(image, w.box) for w in wanted]))
    keep evidence for `outcome.keep`, publish `outcome.plates` and `outcome.passes`

and at the end of a source `analysis.finish()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import Box, FrameInfo
from alpr_edge_agent.passes.fusion import Fused
from alpr_edge_agent.passes.passage import BestShot, Passage
from alpr_edge_agent.passes.repeats import Repeats
from alpr_edge_agent.passes.settling import SettleRule, confidence
from alpr_edge_agent.passes.zones import within
from alpr_edge_agent.recognize import Reading
from alpr_edge_agent.track import TrackedBox, Tracker
from alpr_plates.formats import format_prior, region_of, shapes

MAX_CANDIDATES = 8

Polygon = tuple[tuple[float, float], ...]
"""Corners (x, y) as shares of the frame's width and height, 0 to 1."""


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What a camera's `analytics` says, and the thresholds behind it.

    Attributes:
        roi: plates count only inside one of these; empty means everywhere.
        ignore: plates inside one of these never count.
        min_plate_width_px: narrower plates are followed but not read.
        countries: ISO 3166 alpha-2 codes whose plate formats are expected; a prior, never a hard rule.
        min_confidence: a pass whose best text stays below this publishes no plate.
    """

    roi: tuple[Polygon, ...] = ()
    ignore: tuple[Polygon, ...] = ()
    min_plate_width_px: int = 30
    countries: tuple[str, ...] = ()
    min_confidence: float = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """A plate that should be read in this frame."""

    track: int
    box: Box


@dataclass(frozen=True, slots=True)
class SettledPlate:
    """The one reading of a vehicle pass.

    Attributes:
        shot: the frame that the evidence was kept from, and whose time is the event's; the last `keep` of this track.
        box: the plate in that frame.
        candidates: (text, probability), best first; the first is `text`.
        region: ISO 3166 alpha-2 of the format that fits best, or None.
        quality: 0 to 1, sharpness and size of the plate in `shot`.
        reads: how many readings were fused.
    """

    track: int
    text: str
    confidence: float
    candidates: tuple[tuple[str, float], ...]
    region: str | None
    shot: FrameInfo
    box: Box
    quality: float
    reads: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class VehiclePass:
    """A vehicle has left: what is known of its whole pass.

    Attributes:
        direction: towards | away | left | right | stationary, in the picture; None where the track is too short to say.
        plate: the settled plate, also where it was published before.
    """

    track: int
    first_seen_at: datetime
    last_seen_at: datetime
    first_box: Box
    last_box: Box
    score: float
    direction: str | None
    plate: SettledPlate | None

    @property
    def dwell_s(self) -> float:
        """Seconds between the first and the last sight."""
        return (self.last_seen_at - self.first_seen_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a frame brought.

    Attributes:
        keep: (track, box) whose best shot so far is this frame: keep its pixels until the track ends.
        plates: settled now, each track at most once in its life; never taken back or corrected.
        passes: vehicles that have left; their kept pixels can go.
        dropped: tracks that were no vehicle, or one whose plate is published already; their kept pixels can go, and
            nothing else is said of them.
    """

    keep: tuple[tuple[int, Box], ...] = ()
    plates: tuple[SettledPlate, ...] = ()
    passes: tuple[VehiclePass, ...] = ()
    dropped: tuple[int, ...] = ()


class CameraAnalysis:
    """One epoch of one camera: from each frame's boxes to passes. Driven by frame times alone."""

    def __init__(self, settings: AnalysisSettings = AnalysisSettings(), tracker: Tracker | None = None) -> None:
        from alpr_edge_agent.track import open_tracker

        self._settings = settings
        self._tracker = tracker or open_tracker()
        self._rule = SettleRule()
        self._passages: dict[int, Passage] = {}
        self._settled: dict[int, SettledPlate] = {}
        self._again: set[int] = set()
        self._repeats = Repeats()
        self._ended: list[int] = []
        self._start: datetime | None = None
        self._now: datetime | None = None
        self._frames = 0

    @property
    def active(self) -> bool:
        """Whether a vehicle that moves, or may, is in view: every frame counts then."""
        return any(not passage.stands() for passage in self._passages.values())

    def observe(self, info: FrameInfo, detections: Detections) -> tuple[Wanted, ...]:
        """Take in a frame's detections; the plates that should be read in it."""
        self._start = self._start or info.captured_at
        self._frames += 1
        self._now = info.captured_at
        settings = self._settings
        counted = within(detections, (info.width, info.height), settings.roi, settings.ignore)
        update = self._tracker.update(counted, (info.captured_at - self._start).total_seconds())
        self._ended += [track for track in update.ended if track in self._passages]
        wanted = [Wanted(seen.track, seen.box) for seen in update.seen if self._see(info, seen)]
        return tuple(wanted)

    def absorb(
        self,
        info: FrameInfo,
        wanted: Sequence[Wanted],
        readings: Sequence[Reading | None],
        sharpness: Sequence[float] | None = None,
    ) -> Outcome:
        """Take in the readings of `wanted`, in its order (None: no text), and each view's `quality.sharpness`."""
        keep: list[tuple[int, Box]] = []
        plates: list[SettledPlate] = []
        measured = sharpness if sharpness is not None else [None] * len(wanted)
        for want, reading, sharp in zip(wanted, readings, measured, strict=True):
            passage = self._passages.get(want.track)
            if passage is None or want.track in self._settled:
                continue
            if passage.read(info, want.box, reading, sharp):
                keep.append((want.track, want.box))
            plate = self._settle(passage, leaving=False)
            plates += [plate] if plate else []
        left = self._leave()
        return replace(left, keep=tuple(keep), plates=(*plates, *left.plates))

    def finish(self) -> Outcome:
        """The source is over: every vehicle in view has passed."""
        self._ended = [*self._ended, *(track for track in self._passages if track not in self._ended)]
        return self._leave()

    def _see(self, info: FrameInfo, seen: TrackedBox) -> bool:
        passage = self._passages.get(seen.track)
        if passage is None:
            passage = Passage(seen.track, info, info, seen.box, seen.box, seen.score)
            self._passages[seen.track] = passage
        else:
            passage.see(info, seen.box, seen.score)
            self._still_there(passage)
        if seen.track in self._settled or seen.box.width < self._settings.min_plate_width_px:
            return False
        return not _cut_off(seen.box, info) and passage.budget.wants(seen.box)

    def _settle(self, passage: Passage, *, leaving: bool) -> SettledPlate | None:
        fused = passage.fused(self._prior, self._shapes)
        if fused is None or passage.shot is None:
            return None
        sure = confidence(fused)
        if not (sure >= self._settings.min_confidence if leaving else self._rule.holds(fused)):
            return None
        plate = _plate(passage, passage.shot, fused, sure, self._settings.countries)
        self._settled[passage.track] = plate
        if self._repeats.holds(plate.text, plate.first_seen_at):
            self._again.add(passage.track)
            return None
        self._repeats.note(plate.text, plate.last_seen_at)
        return plate

    def _still_there(self, passage: Passage) -> None:
        plate = self._settled.get(passage.track)
        if plate is not None:
            self._repeats.note(plate.text, passage.last.captured_at)

    def _prior(self, text: str) -> float:
        return format_prior(text, self._settings.countries)

    def _shapes(self, length: int) -> Sequence[str]:
        return shapes(self._settings.countries, length)

    def _leave(self) -> Outcome:
        plates: list[SettledPlate] = []
        passes: list[VehiclePass] = []
        dropped: list[int] = []
        for track in self._ended:
            passage = self._passages.pop(track)
            if self._is_no_vehicle(passage):
                dropped.append(track)
                continue
            plate = self._settled.get(track)
            if plate is None and (plate := self._settle(passage, leaving=True)):
                plates.append(plate)
            if track in self._again:
                dropped.append(track)
            else:
                passes.append(_vehicle_pass(passage, plate))
        self._forget(self._ended)
        self._ended = []
        return Outcome(plates=tuple(plates), passes=tuple(passes), dropped=tuple(dropped))

    def _is_no_vehicle(self, passage: Passage) -> bool:
        """Whether it was one box in one frame of many."""
        return passage.sights < 2 and self._frames > 1

    def _forget(self, tracks: Sequence[int]) -> None:
        for track in tracks:
            self._settled.pop(track, None)
        self._again.difference_update(tracks)
        if self._now is not None:
            self._repeats.forget(self._now)


def _cut_off(box: Box, info: FrameInfo) -> bool:
    """Whether the picture's border cuts the plate: what is left of its text reads clearly, and wrong."""
    return box.x1 <= 1 or box.y1 <= 1 or box.x2 >= info.width - 1 or box.y2 >= info.height - 1


def _plate(passage: Passage, shot: BestShot, fused: Fused, sure: float, countries: Sequence[str]) -> SettledPlate:
    rest = 1 - fused.candidates[0][1]
    others = [(text, (1 - sure) * p / rest) for text, p in fused.candidates[1:MAX_CANDIDATES] if rest > 0]
    return SettledPlate(
        track=passage.track,
        text=fused.text,
        confidence=sure,
        candidates=((fused.text, sure), *others),
        region=region_of(fused.text, countries),
        shot=shot.info,
        box=shot.box,
        quality=shot.quality,
        reads=len(passage.evidence),
        first_seen_at=passage.first.captured_at,
        last_seen_at=passage.last.captured_at,
    )


def _vehicle_pass(passage: Passage, plate: SettledPlate | None) -> VehiclePass:
    return VehiclePass(
        track=passage.track,
        first_seen_at=passage.first.captured_at,
        last_seen_at=passage.last.captured_at,
        first_box=passage.first_box,
        last_box=passage.last_box,
        score=passage.score,
        direction=passage.direction(),
        plate=plate,
    )
