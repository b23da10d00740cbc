"""When refused records stop being bad data and begin to be our own fault. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from alpr_kafka.records import Place

_WINDOW, _ENOUGH = 10_000, 200


class FloodGauge:
    """Watches the share of refused records, and how many come in a row in one partition.

    Args:
        most: the largest share among the last 10,000 records, looked at from 200 on.
        in_a_row: the largest number in a row.
    """

    def __init__(self, most: float, in_a_row: int) -> None:
        self._most = most
        self._longest = in_a_row
        self._batches: deque[tuple[int, int]] = deque()
        self._seen = self._refused = 0
        self._rows: dict[Place, int] = {}

    def flooded(self, records: Iterable[tuple[Place | None, bool]]) -> str | None:
        """Take in a batch: (partition, whether it was refused), in order. A sentence where that is too much."""
        seen = refused = 0
        longest, where = 0, None
        for place, is_refused in records:
            seen += 1
            refused += is_refused
            if place is None:
                continue
            self._rows[place] = self._rows.get(place, 0) + 1 if is_refused else 0
            if self._rows[place] > longest:
                longest, where = self._rows[place], place
        self._add(seen, refused)
        if longest > self._longest and where is not None:
            return f"{longest} records in a row of {where.topic}/{where.partition} were refused"
        if self._seen >= _ENOUGH and self._refused > self._most * self._seen:
            return f"{self._refused} of the last {self._seen} records were refused"
        return None

    def passed(self, places: Iterable[Place], count: int) -> None:
        """Take in a batch of `count` records of `places`, none of which was refused."""
        for place in places:
            self._rows.pop(place, None)
        self._add(count, 0)

    def _add(self, seen: int, refused: int) -> None:
        self._batches.append((seen, refused))
        self._seen += seen
        self._refused += refused
        while self._batches and self._seen - self._batches[0][0] >= _WINDOW:
            old_seen, old_refused = self._batches.popleft()
            self._seen -= old_seen
            self._refused -= old_refused
