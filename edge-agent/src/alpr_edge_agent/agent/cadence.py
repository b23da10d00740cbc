"""When a report is written: soon after a change, never in a hurry, and now and then to be sure. Pure; seconds come in.

A change waits two seconds for others that come with it, two writes are ten seconds apart, and an error is followed by
full jitter or by what the server asked for; the change stays pending until it is written.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from alpr_edge_agent.retry import full_jitter

DEBOUNCE_S = 2.0
GAP_S = 10.0
REFRESH_SPREAD = 0.2
FIRST_RETRY_S = 1.0
MOST_RETRY_S = 60.0
_NEVER = float("-inf")


@dataclass(slots=True)
class Cadence:
    """The moments of one report's writes.

    Attributes:
        refresh_s: how long nothing may be written; drawn ± 20 % each time, so that nodes do not write in step.
    """

    refresh_s: float = 300.0
    rng: random.Random = field(default_factory=random.Random)
    _changed_s: float | None = None
    _written_s: float = _NEVER
    _refresh_at_s: float = float("inf")
    _not_before_s: float = _NEVER
    _failures: int = 0

    def changed(self, now_s: float) -> None:
        """There is something new to say; the wait counts from the first change that is not written yet."""
        if self._changed_s is None:
            self._changed_s = now_s

    def due_s(self) -> float:
        """When to write next; infinite where there was never anything to say."""
        wanted = self._refresh_at_s
        if self._changed_s is not None:
            wanted = min(wanted, max(self._changed_s + DEBOUNCE_S, self._written_s + GAP_S))
        return max(wanted, self._not_before_s)

    def wrote(self, now_s: float) -> None:
        """Everything that was known when the write began is with the server; `changed` comes again for the rest."""
        self._changed_s, self._written_s, self._failures = None, now_s, 0
        self._not_before_s = _NEVER
        self._refresh_at_s = now_s + self.refresh_s * self.rng.uniform(1 - REFRESH_SPREAD, 1 + REFRESH_SPREAD)

    def failed(self, now_s: float, retry_after_s: float | None) -> None:
        """The write did not succeed: wait as long as the server asks, or a jittered while, and the change stays."""
        self.changed(now_s)
        wait_s = GAP_S / 10 + full_jitter(self._failures, FIRST_RETRY_S, MOST_RETRY_S, self.rng)
        self._failures += 1
        self._not_before_s = now_s + max(wait_s, retry_after_s or 0.0)
