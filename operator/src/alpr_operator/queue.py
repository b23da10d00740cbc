"""The line of sites that wait for a pass: each stands in it once, whoever waits longest comes first.

A marked site waits a moment for further changes (debounce) without being pushed back by them; a site whose pass fails
backs off alone. Nothing here knows what a pass is.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from collections.abc import Callable

from alpr_operator.store import SiteKey

_FIRST_BACK_OFF_S, _LONGEST_BACK_OFF_S = 0.5, 300.0
_BACKING_OFF_S = 5.0
_LAZY_DEBOUNCES = 4
_QUIET_S = 2.0


class SiteQueue:
    """Sites by the moment when they are due.

    Args:
        debounce_s: how long a marked site waits for more.
            `lazy_s`, four times that, is for what changes in a crowd and is in no hurry: statuses, our own writes.
        on_wait: is told how long a site stood in line beyond its due moment, in seconds.
    """

    def __init__(
        self,
        debounce_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._debounce_s = debounce_s
        self.lazy_s = debounce_s * _LAZY_DEBOUNCES
        self._clock = clock
        self._on_wait = on_wait
        self._due: dict[SiteKey, float] = {}
        self._heap: list[tuple[float, int, SiteKey]] = []
        self._order = itertools.count()
        self._running: dict[SiteKey, float | None] = {}
        self._failures: dict[SiteKey, int] = {}
        self._taken_at: dict[SiteKey, float] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Sites that are due now or being passed over; those that wait for a later moment do not count."""
        now = self._clock()
        return sum(due <= now + self.lazy_s for due in self._due.values()) + len(self._running)

    def mark(self, key: SiteKey, after_s: float | None = None) -> None:
        """`key` shall be looked at `after_s` from now (the debounce where left out), or earlier if due."""
        wait_s = self._debounce(key) if after_s is None else after_s
        if key in self._failures:
            wait_s = max(wait_s, _BACKING_OFF_S)  # perhaps what came mends it, but a storm of events must not hammer
        due = self._clock() + wait_s
        if key in self._running:
            waiting = self._running[key]
            self._running[key] = due if waiting is None else min(waiting, due)
        elif due < self._due.get(key, float("inf")):
            self._put(key, due)

    def _debounce(self, key: SiteKey) -> float:
        """A quiet site is looked at soon: somebody who made one change waits for it. What follows may be a crowd."""
        quiet = self._clock() - self._taken_at.get(key, float("-inf")) > _QUIET_S
        return self._debounce_s / 5 if quiet else self._debounce_s

    async def take(self) -> SiteKey:
        """The next site that is due; waits for one. Its `done` or `failed` must follow."""
        while True:
            self._changed.clear()
            wait_s = self._until_first()
            if wait_s is not None and wait_s <= 0:
                due, _, key = heapq.heappop(self._heap)
                del self._due[key]
                self._running[key] = None
                self._taken_at[key] = self._clock()
                self._on_wait(self._clock() - due)
                return key
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: SiteKey, next_after_s: float | None = None) -> None:
        """The pass over `key` is over; time alone makes it due again after `next_after_s`."""
        self._failures.pop(key, None)
        again = self._running.pop(key, None)
        later = None if next_after_s is None else self._clock() + next_after_s
        dues = [due for due in (again, later) if due is not None]
        if dues:
            self._put(key, min(dues))

    def failed(self, key: SiteKey) -> float:
        """The pass over `key` failed: it comes again after 0.5 s to 5 min, doubling. Returns the wait in seconds."""
        self._running.pop(key, None)
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        longest = min(_LONGEST_BACK_OFF_S, _FIRST_BACK_OFF_S * 2**failures)
        wait_s = random.uniform(longest / 2, longest)  # noqa: S311 - spreads retries, guards nothing
        self._put(key, self._clock() + wait_s)
        return wait_s

    def _put(self, key: SiteKey, due: float) -> None:
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._changed.set()

    def _until_first(self) -> float | None:
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due:
                return due - self._clock()
            heapq.heappop(self._heap)  # an entry that an earlier one took the place of
        return None
