"""Which frames of a camera are looked at: by number, by rate, by motion. Pure, driven by frame times."""

from __future__ import annotations

from collections.abc import Callable

from alpr_edge_agent.frames import FrameInfo


class Schedule:
    """One camera's and one epoch's choice of frames."""

    def __init__(self, max_fps: float | None, frame_skip: int = 0) -> None:
        self._gap_s = 1.0 / max_fps if max_fps else 0.0
        self._skip = frame_skip
        self._due_s = float("-inf")

    def wants(self, info: FrameInfo, moves: Callable[[], bool]) -> bool:
        """Whether to look at the frame; `moves` is asked only where number and time allow it."""
        if info.number % (self._skip + 1):
            return False
        now_s = info.captured_at.timestamp()
        if now_s < self._due_s - 0.1 * self._gap_s or not moves():
            return False
        # From the due time, not from this frame: 15 frames/s under a cap of 10 gives 10, not 7.5.
        self._due_s = max(self._due_s + self._gap_s, now_s)
        return True
