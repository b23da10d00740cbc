"""Connections one after the other: a node that starts does not open all its cameras in the same second."""

from __future__ import annotations

import threading
import time


class Pacer:
    """Gives turns, `per_second` of them; shared by all cameras."""

    def __init__(self, per_second: float) -> None:
        self._gap_s = 1.0 / per_second
        self._next_s = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> bool:
        """Block until it is our turn; whether `stop` came first."""
        with self._lock:
            now = time.monotonic()
            mine = max(now, self._next_s)
            self._next_s = mine + self._gap_s
        return stop.wait(max(0.0, mine - now))
