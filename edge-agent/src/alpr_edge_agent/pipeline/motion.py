"""The motion gate: is there anything in this frame that was not there before? A fraction of a detector's price."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from alpr_edge_agent.frames import GrayImage
from alpr_edge_agent.passes.analysis import Polygon

CELLS_ACROSS = 160


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """When something has moved.

    Attributes:
        memory_s: how long the background takes to follow.
        floor: grey levels that noise alone may change a cell by.
        noise_factor: times the picture's median change, where that is more.
        min_cells: changed cells that make a motion, of 160 across the picture.
        look_every_s: a frame at least this often passes, moving or not.
        watch_every_s: the same while a vehicle may be in view; shorter than a tracker's patience.
    """

    memory_s: float = 2.0
    floor: float = 4.0
    noise_factor: float = 8.0
    min_cells: int = 4
    look_every_s: float = 2.0
    watch_every_s: float = 0.3


class MotionGate:
    """Compares a camera's frames with a slowly following background; driven by frame times, no clock.

    A change of exposure moves all cells alike and is taken out with their median.
    """

    def __init__(self, settings: MotionSettings = MotionSettings(), roi: tuple[Polygon, ...] = ()) -> None:
        self._settings = settings
        self._roi = roi
        self._background: NDArray[np.float32] | None = None
        self._last: NDArray[np.float32] | None = None
        self._watched: NDArray[np.bool_] | None = None
        self._seen_s = 0.0
        self._passed_s = float("-inf")

    def step(self, width: int) -> int:
        """Which pixels to look at of a picture `width` wide: every `step`-th."""
        return max(1, width // (2 * CELLS_ACROSS))

    def passes(self, luma: GrayImage, time_s: float, *, watchful: bool = False) -> bool:
        """Whether the frame, subsampled by `step`, taken at `time_s`, deserves a detector.

        With `watchful` a vehicle may be in view: who moves shows it, who just stopped must not be lost.
        """
        moving = self._moves(_cells(luma), time_s)
        every_s = self._settings.watch_every_s if watchful else self._settings.look_every_s
        if moving or time_s - self._passed_s >= every_s:
            self._passed_s = time_s
            return True
        return False

    def nothing_there(self) -> None:
        """The detector found nothing in the frame that passed last: all in it is background, ghosts of leavers too."""
        if self._last is not None:
            self._background = self._last.copy()

    def _moves(self, cells: NDArray[np.float32], time_s: float) -> bool:
        self._last = cells
        background = self._background
        if background is None or background.shape != cells.shape:
            self._background, self._seen_s = cells.copy(), time_s
            self._watched = _mask(self._roi, cells.shape)
            return True
        change = cells - background
        change -= np.median(change)
        share = min(1.0, max(0.0, time_s - self._seen_s) / self._settings.memory_s)
        cv2.accumulateWeighted(cells, background, share)
        self._seen_s = time_s
        size = np.abs(cv2.blur(change, (3, 3)))  # noise is alone, a vehicle has neighbours
        bound = max(self._settings.floor, self._settings.noise_factor * float(np.median(size)))
        changed = size > bound
        if self._watched is not None:
            changed &= self._watched
        return int(np.count_nonzero(changed)) >= self._settings.min_cells


def _cells(luma: GrayImage) -> NDArray[np.float32]:
    """Means over blocks: a cell is quieter than its pixels."""
    height, width = luma.shape
    across = min(CELLS_ACROSS, width)
    size = (across, max(1, round(height * across / width)))
    return np.asarray(cv2.resize(np.ascontiguousarray(luma), size, interpolation=cv2.INTER_AREA), np.float32)


def _mask(roi: tuple[Polygon, ...], shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    if not roi:
        return None
    mask = np.zeros(shape, np.uint8)
    for polygon in roi:
        corners = np.round(np.array(polygon) * (shape[1], shape[0])).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1)
    return np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0)
