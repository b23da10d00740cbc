"""ByteTrack for plates: strong boxes first, then weak ones for the tracks that are left (Zhang et al., ECCV 2022).

Plates are small and often move by more than their own width between frames, so boxes of two frames seldom overlap:
the match is by the Kalman filter's own distance and by size, not by IoU. Frames may come at any interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import Box
from alpr_edge_agent.track import TrackedBox, TrackUpdate
from alpr_edge_agent.track.kalman import BoxFilter, Vector

_NO_MATCH = 1e6


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How plates are followed.

    Attributes:
        high_score: boxes from here on start tracks and are matched first; the detector's own threshold lies below,
            and what lies between goes on with tracks that exist.
        lost_s: a moving track that is not seen for longer ends.
        parked_lost_s: the same for one that stands: it is hidden, not gone.
        parked_speed: plate widths a second that count as standing.
        gate: squared Mahalanobis distance that still matches.
        size_ratio: width to width that still matches.
        lost_reach: plate widths from where it is expected within which a track unseen in two frames or more is found
            again; farther, the next vehicle would take over the track of one that has left.
        same_iou: an unmatched box that overlaps a matched one more is the same plate, seen twice.
    """

    high_score: float = 0.35
    lost_s: float = 1.0
    parked_lost_s: float = 4.0
    parked_speed: float = 0.4
    gate: float = 14.0
    size_ratio: float = 1.7
    lost_reach: float = 2.0
    same_iou: float = 0.3


@dataclass(slots=True)
class _Track:
    number: int
    filter: BoxFilter
    seen_s: float
    hits: int = 1
    missed: int = 0


@dataclass(slots=True)
class _Boxes:
    """Detections in an order that does not depend on the caller's."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    matched: dict[int, _Track] = field(default_factory=dict)


class ByteTracker:
    """Follows the plates of one camera."""

    def __init__(self, settings: TrackerSettings = TrackerSettings()) -> None:
        self._settings = settings
        self._tracks: list[_Track] = []
        self._count = 0
        self._now_s: float | None = None

    def update(self, detections: Detections, time_s: float) -> TrackUpdate:
        """Take in the detections of a frame taken at `time_s` (media time in seconds, rising)."""
        dt_s = 0.0 if self._now_s is None else max(0.0, time_s - self._now_s)
        self._now_s = time_s if self._now_s is None else max(time_s, self._now_s)
        for track in self._tracks:
            track.filter.predict(dt_s)
            track.missed += 1
        ended = self._end_lost()
        found = _canonical(detections)
        strong = found.scores >= self._settings.high_score
        self._match(found, strong, self._tracks)
        taken = {track.number for track in found.matched.values()}
        recent = [t for t in self._tracks if t.number not in taken and self._is_recent(t)]
        self._match(found, ~strong, recent)
        self._correct(found)
        self._start(found, strong)
        return TrackUpdate(seen=_seen(found), ended=ended)

    def _is_recent(self, track: _Track) -> bool:
        return self._age_s(track) <= self._settings.lost_s / 2

    def _age_s(self, track: _Track) -> float:
        return (self._now_s or 0.0) - track.seen_s

    def _end_lost(self) -> tuple[int, ...]:
        ended = [track.number for track in self._tracks if self._age_s(track) > self._patience_s(track)]
        self._tracks = [track for track in self._tracks if track.number not in ended]
        return tuple(ended)

    def _patience_s(self, track: _Track) -> float:
        speed = math.hypot(*track.filter.speed[:2]) / track.filter.at[2]
        parked = track.hits >= 3 and speed < self._settings.parked_speed
        return self._settings.parked_lost_s if parked else self._settings.lost_s

    def _match(self, found: _Boxes, chosen: NDArray[np.bool_], tracks: list[_Track]) -> None:
        rows = [int(row) for row in np.flatnonzero(chosen)]
        if not rows or not tracks:
            return
        costs = np.array([[self._cost(track, found.boxes[row]) for track in tracks] for row in rows])
        for i, j in zip(*linear_sum_assignment(costs), strict=True):
            if costs[i, j] < _NO_MATCH:
                found.matched[rows[i]] = tracks[j]

    def _cost(self, track: _Track, box: Vector) -> float:
        # By width or by height: a plate that is cut, by a pole or the picture's edge, keeps its height.
        ratio = float(np.abs(np.log((box[2:] - box[:2]) / track.filter.at[2:])).min())
        last = float(np.abs(np.log((box[2:] - box[:2]) / track.filter.size)).min())
        ratio = min(ratio, last)  # predicted or last: after a half-hidden plate one of them is off
        distance = track.filter.distance(box)
        far = track.missed > 2 and track.filter.widths_off(box) > self._settings.lost_reach
        if far or distance > self._settings.gate or ratio > math.log(self._settings.size_ratio):
            return _NO_MATCH
        return distance + (ratio / 0.2) ** 2

    def _correct(self, found: _Boxes) -> None:
        for row, track in found.matched.items():
            if not self._is_cut(track, found.boxes[row]):
                track.filter.correct(found.boxes[row])
            track.seen_s, track.hits = self._now_s or 0.0, track.hits + 1
            track.missed = 0

    def _is_cut(self, track: _Track, box: Vector) -> bool:
        """Whether only a part of a well-known plate shows: it says nothing of the plate's size and speed."""
        return track.hits >= 3 and bool((box[2] - box[0]) * self._settings.size_ratio < track.filter.at[2])

    def _start(self, found: _Boxes, strong: NDArray[np.bool_]) -> None:
        for row in np.flatnonzero(strong):
            box = found.boxes[row]
            twice = any(iou(box, found.boxes[other]) > self._settings.same_iou for other in found.matched)
            if int(row) in found.matched or twice:
                continue
            self._count += 1
            track = _Track(self._count, BoxFilter(box), self._now_s or 0.0)
            self._tracks.append(track)
            found.matched[int(row)] = track


def iou(a: Vector, b: Vector) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return float(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both))


def _canonical(detections: Detections) -> _Boxes:
    boxes = np.asarray(detections.boxes, np.float64).reshape(-1, 4)
    scores = np.asarray(detections.scores, np.float64).reshape(-1)
    solid = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, scores = boxes[solid], scores[solid]
    order = np.lexsort((*boxes.T[::-1], -scores))
    return _Boxes(boxes[order], scores[order])


def _seen(found: _Boxes) -> tuple[TrackedBox, ...]:
    rows = sorted(found.matched.items(), key=lambda item: item[1].number)
    return tuple(
        TrackedBox(track.number, Box(*map(float, found.boxes[row])), float(found.scores[row])) for row, track in rows
    )
