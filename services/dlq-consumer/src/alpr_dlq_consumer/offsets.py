"""Where the group stands in each partition, and whose turn it is: `kafka_offsets` (docs/decisions/0011)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg

from alpr_kafka.errors import Fenced
from alpr_kafka.records import Place

_CLAIM = """
INSERT INTO kafka_offsets AS k (grp, topic, part)
SELECT %s, topic, part FROM unnest(%s::text[], %s::int[]) AS w (topic, part) ORDER BY topic, part
ON CONFLICT (grp, topic, part) DO UPDATE SET epoch = k.epoch + 1, at = now()
RETURNING topic, part, next, epoch
"""
_ADVANCE = """
UPDATE kafka_offsets SET next = %s, at = now() WHERE grp = %s AND topic = %s AND part = %s AND epoch = %s
"""


class Offsets:
    """The offsets of one group, and the epochs under which this process may move them."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._epochs: dict[Place, int] = {}

    def claim(self, connection: psycopg.Connection, places: Sequence[Place]) -> dict[Place, int]:
        """Fence out whoever owned `places` before; the next offsets of those that were ever written."""
        values = (self._group, [p.topic for p in places], [p.partition for p in places])
        following: dict[Place, int] = {}
        for topic, part, offset, epoch in connection.execute(_CLAIM, values).fetchall():
            self._epochs[Place(topic, part)] = epoch
            if offset is not None:
                following[Place(topic, part)] = offset
        return following

    def advance(self, connection: psycopg.Connection, following: Mapping[Place, int]) -> None:
        """Move to the offsets `following`. Raises Fenced where another process has claimed one of them since."""
        for place, offset in sorted(following.items(), key=lambda item: (item[0].topic, item[0].partition)):
            values = (offset, self._group, place.topic, place.partition, self._epochs.get(place, -1))
            if connection.execute(_ADVANCE, values).rowcount != 1:
                raise Fenced(f"{place.topic}/{place.partition} was claimed by another consumer of {self._group}")
