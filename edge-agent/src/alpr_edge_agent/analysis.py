"""One camera's reasoning from boxes to vehicle passes: pure, driven by frame times, no clock and no I/O.

The loop around it (pipeline, benchmark, `alpr read` on a clip) does three things a frame:

    wanted = analysis.observe(info, detections)
    outcome = analysis.absorb(info, wanted, recognizer.read([PlateView(image, w.box) for w in wanted]))
    keep evidence for `outcome.keep`, publish `outcome.plates` and `outcome.passes`

and at the end of a source `analysis.finish()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alpr_edge_agent.frames import Box, FrameInfo

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
    """

    keep: tuple[tuple[int, Box], ...] = ()
    plates: tuple[SettledPlate, ...] = ()
    passes: tuple[VehiclePass, ...] = ()
