"""Where a group stands in each partition, and whose turn it is: `kafka_offsets` (docs/decisions/0011).

For services that keep their offsets beside their rows; like `database`, not for the agent, which has no driver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg

from alpr_kafka.errors import Fenced, Rewound
from alpr_kafka.records import Place

_CLAIM = """
INSERT INTO kafka_offsets AS k (grp, topic, part)
SELECT %s, topic, part FROM unnest(%s::text[], %s::int[]) AS w (topic, part) ORDER BY topic, part
ON CONFLICT (grp, topic, part) DO UPDATE SET epoch = k.epoch + 1, at = now()
RETURNING topic, part, next, epoch
"""
_ADVANCE = """
UPDATE kafka_offsets AS k SET next = w.next, at = now()
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[]) AS w (topic, part, next, epoch, confirmed)
WHERE k.grp = %s AND k.topic = w.topic AND k.part = w.part AND k.epoch = w.epoch
AND (w.confirmed IS NULL OR k.next >= w.confirmed)
"""
_STANDING = "SELECT topic, part, next, epoch FROM kafka_offsets WHERE grp = %s"
_NOTHING = (-1, -1)


class Offsets:
    """The offsets of one group, and the epochs under which this process may move them."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._epochs: dict[Place, int] = {}
        self._confirmed: dict[Place, int] = {}

    def forget(self) -> None:
        """Hold nothing, before a claim: what was held is not looked for any more."""
        self._epochs, self._confirmed = {}, {}

    def claim(self, connection: psycopg.Connection, places: Sequence[Place]) -> dict[Place, int]:
        """Fence out whoever owned `places` before; the next offsets of those that were ever written."""
        topics, parts = [p.topic for p in places], [p.partition for p in places]
        rows = connection.execute(_CLAIM, (self._group, topics, parts)).fetchall()
        self._epochs |= {Place(topic, part): epoch for topic, part, _, epoch in rows}
        found = {Place(topic, part): following for topic, part, following, _ in rows if following is not None}
        self._confirmed |= found
        return found

    def advance(self, connection: psycopg.Connection, following: Mapping[Place, int]) -> None:
        """Move to the offsets `following`.

        Raises Fenced where another process has claimed one of them, Rewound where the database lost an earlier move.
        """
        if not following:
            return
        unclaimed = [place for place in following if place not in self._epochs]
        if unclaimed:
            raise Fenced(f"{unclaimed[0].topic}/{unclaimed[0].partition} was never claimed by this process")
        places = sorted(following, key=lambda p: (p.topic, p.partition))
        values = (
            [p.topic for p in places], [p.partition for p in places], [following[p] for p in places],
            [self._epochs[p] for p in places], [self._confirmed.get(p) for p in places], self._group,
        )  # fmt: skip
        if connection.execute(_ADVANCE, values).rowcount != len(places):
            self.check(connection)
            raise Fenced("another consumer has claimed a partition of this batch")

    def committed(self, following: Mapping[Place, int]) -> None:
        """The transaction that moved to `following` is over: the database has confirmed them."""
        self._confirmed |= following

    def check(self, connection: psycopg.Connection) -> None:
        """Whether the database still has all that it confirmed; to be asked on each new connection. Raises Rewound.

        A standby that was promoted before it had everything, or a restore, stands earlier than this process does; the
        records between would be passed over.
        """
        if not self._epochs:
            return
        rows = connection.execute(_STANDING, (self._group,)).fetchall()
        standing = {Place(topic, part): (epoch, _rank(following)) for topic, part, following, epoch in rows}
        for place, epoch in self._epochs.items():
            # A later epoch is another's, wherever it stands: `advance` tells.
            if standing.get(place, _NOTHING) < (epoch, _rank(self._confirmed.get(place))):
                raise Rewound(f"the database has lost what it confirmed of {place.topic}/{place.partition}")


def _rank(following: int | None) -> int:
    """An offset to compare; before all others where there is none yet."""
    return -1 if following is None else following
