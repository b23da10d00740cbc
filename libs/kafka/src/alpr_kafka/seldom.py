"""What is said again and again is said seldom."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_EVERY_S: Final = 10.0


class Seldom:
    """Lets the same word pass once in ten seconds: librdkafka tells of an outage with each try to connect, 18 a second.

    Not thread-safe: a word that passes twice does no harm.
    """

    def __init__(self, every_s: float = _EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._said: dict[str, float] = {}

    def due(self, word: str) -> bool:
        """Whether `word` may be said now."""
        now = self._clock()
        if now < self._said.get(word, -self._every_s) + self._every_s:
            return False
        self._said[word] = now
        return True
