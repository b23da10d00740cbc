"""How many writes a second leave: two token buckets, and a pause when the server asks for one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Bucket:
    """A token bucket: `rate` tokens a second, at most `burst` saved up."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._tokens = burst
        self._at = clock()

    def resize(self, rate: float, burst: float) -> None:
        """Go on at another rate."""
        self._fill()
        self.rate, self.burst = rate, burst
        self._tokens = min(self._tokens, burst)

    def take(self) -> float:
        """Take a token, on credit where there is none; returns how long to wait for it, in seconds."""
        self._fill()
        self._tokens -= 1
        return max(0.0, -self._tokens / self.rate)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now


class Gate:
    """Holds everybody back until a moment, which the server's Retry-After sets."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._closed_until = 0.0

    def close_for(self, seconds: float) -> None:
        """Nobody passes for so long from now."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while (wait_s := self._closed_until - self._clock()) > 0:  # noqa: ASYNC110 - a moment, not an event
            await asyncio.sleep(wait_s)
