"""Connections one after the other: a node that starts does not open all its cameras in the same second."""

from __future__ import annotations

import heapq
import itertools
import threading
import time

_RECHECK_S = 0.01


class Pacer:
    """Gives turns, `per_second` of them, first to who stands first in the assignment; shared by all cameras."""

    def __init__(self, per_second: float) -> None:
        self._gap_s = 1.0 / per_second
        self._next_s = 0.0
        self._count = itertools.count()
        self._waiting: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    def set_rate(self, per_second: float) -> None:
        """From the next turn on."""
        self._gap_s = 1.0 / per_second

    def wait(self, stop: threading.Event, rank: int = 0) -> bool:
        """Block until it is our turn, lower ranks first; whether `stop` came before that."""
        ticket = (rank, next(self._count))
        with self._lock:
            heapq.heappush(self._waiting, ticket)
        while True:
            with self._lock:
                wait_s = self._next_s - time.monotonic()
                if wait_s <= 0 and self._waiting[0] == ticket and not stop.is_set():
                    heapq.heappop(self._waiting)
                    self._next_s = time.monotonic() + self._gap_s
                    return False
            if stop.wait(max(wait_s, _RECHECK_S)):
                with self._lock:
                    self._waiting.remove(ticket)
                    heapq.heapify(self._waiting)
                return True
