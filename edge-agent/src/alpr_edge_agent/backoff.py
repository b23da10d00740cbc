"""How long to wait before a camera is tried again: exponential with full jitter, the first try quick."""

from __future__ import annotations

import random

FIRST_S = 0.5
CAP_S = 30.0
REFUSED_FIRST_S = 30.0
REFUSED_CAP_S = 300.0


class Backoff:
    """One camera's waits. A camera that refuses the password is asked seldom: many lock the account out."""

    def __init__(self, rng: random.Random | None = None, cap_s: float = CAP_S) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._cap_s = cap_s
        self._failures = 0

    def next_s(self, *, refused: bool = False) -> float:
        """Seconds to wait after one more failure: a draw from 0 to the bound, refused ones from half of theirs."""
        first, cap = (REFUSED_FIRST_S, REFUSED_CAP_S) if refused else (FIRST_S, self._cap_s)
        bound = min(cap, first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return self._rng.uniform(bound / 2 if refused else 0.0, bound)

    def reset(self) -> None:
        """The camera gives pictures again."""
        self._failures = 0
