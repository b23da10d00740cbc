"""How long to wait before a camera is tried again: exponential with full jitter, the first try quick."""

from __future__ import annotations

import random

from alpr_edge_agent.retry import full_jitter

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
        failures, self._failures = self._failures, self._failures + 1
        if not refused:
            return full_jitter(failures, FIRST_S, self._cap_s, self._rng)
        half_first, half_cap = REFUSED_FIRST_S / 2, REFUSED_CAP_S / 2
        return min(half_cap, half_first * 2.0 ** min(failures, 16)) + full_jitter(
            failures, half_first, half_cap, self._rng
        )

    def reset(self) -> None:
        """The camera gives pictures again."""
        self._failures = 0
