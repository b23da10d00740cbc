"""A live stream's own clock against ours: smooth frame times out of jittering arrivals."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta

WINDOW_S = 10.0
JUMP_S = 5.0
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


class StreamClock:
    """Maps presentation times to wall-clock times.

    A packet is never early, only late: the smallest (arrival - presentation time) of the last seconds is the offset
    that the line's jitter, a burst or reordered B-frames do not show in. Clocks drift apart slowly, so old samples go.
    """

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, float]] = deque()  # (arrival, offset), offsets rising: a sliding minimum
        self._last: tuple[float, float] | None = None
        self._given: datetime | None = None

    def arrived(self, pts_s: float, now_s: float) -> None:
        """A packet of presentation time `pts_s` came at Unix time `now_s`."""
        if self._last is not None and _jumped(pts_s - self._last[0], now_s - self._last[1]):
            self._samples.clear()
        self._last = (pts_s, now_s)
        offset = now_s - pts_s
        while self._samples and self._samples[-1][1] >= offset:
            self._samples.pop()
        self._samples.append((now_s, offset))
        while self._samples[0][0] < now_s - self._window_s:
            self._samples.popleft()

    def captured_at(self, pts_s: float) -> datetime:
        """When the frame of `pts_s` was taken, aware UTC; strictly rising from call to call."""
        if not self._samples:
            raise ValueError("no packet has arrived yet")
        moment = _ZERO + timedelta(seconds=pts_s + self._samples[0][1])
        if self._given is not None and moment <= self._given:
            moment = self._given + timedelta(milliseconds=1)
        self._given = moment
        return moment


def _jumped(media_s: float, wall_s: float) -> bool:
    """The sender began a new count; a stalled line, which delivers late but in order, is no jump."""
    return media_s < -1.0 or media_s > wall_s + JUMP_S
