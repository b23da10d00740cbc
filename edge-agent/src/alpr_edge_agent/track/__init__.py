"""Trackers follow plates over frames: the seam, and the one factory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import Box


@dataclass(frozen=True, slots=True)
class TrackedBox:
    """A track's box in this frame.

    Attributes:
        track: number of the track, from 1, never reused within a tracker's life.
        box: as detected in this frame, pixels.
        score: the detector's, 0 to 1.
    """

    track: int
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """What a frame changed: the tracks seen in it, and those that ended (gone for too long)."""

    seen: tuple[TrackedBox, ...]
    ended: tuple[int, ...]


class Tracker(Protocol):
    """Follows the plates of one camera; pure in its inputs, no clock."""

    def update(self, detections: Detections, time_s: float) -> TrackUpdate:
        """Take in the detections of a frame taken at `time_s` (media time in seconds, rising)."""


def open_tracker() -> Tracker:
    """The tracker that cameras get: one each, never shared."""
    from alpr_edge_agent.track.bytetrack import ByteTracker

    return ByteTracker()
