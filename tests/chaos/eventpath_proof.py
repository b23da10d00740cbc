"""What must hold after everything: each event that an outbox ever took is in the database once, or is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg

from alpr_testing.event_load import Witnessed, witnessed

_TABLES = {"alpr.events.plates": "plate_events", "alpr.events.vehicles": "vehicle_events"}
_SHOWN = 5


@dataclass(slots=True)
class Proof:
    """Every figure is a count of events unless it says otherwise.

    Attributes:
        committed: taken by outboxes. stored, tombstoned, dead: what became of them; these sum up to `committed`.
        lost: none of the three. invented: stored and never committed.
        doubled: rows beyond one an event.
        unproven: numbers that the ledger misses, or that it has seen and the tables do not hold.
        searchable: readings in the index; `unindexed` and `stray` are the differences to the database.
    """

    committed: int = 0
    stored: int = 0
    tombstoned: int = 0
    dead: int = 0
    lost: set[UUID] = field(default_factory=set)
    invented: set[UUID] = field(default_factory=set)
    doubled: int = 0
    unproven: list[str] = field(default_factory=list)
    searchable: int = 0
    unindexed: set[UUID] = field(default_factory=set)
    stray: set[UUID] = field(default_factory=set)

    @property
    def holds(self) -> bool:
        """Whether there was something to lose, and nothing is wrong."""
        wrong = self.lost or self.invented or self.doubled or self.unproven or self.unindexed or self.stray
        return self.committed > 0 and not wrong

    def __str__(self) -> str:
        told = (
            f"committed {self.committed}: stored {self.stored}, tombstoned {self.tombstoned}, dead letters {self.dead}; "
            f"lost {len(self.lost)}, doubled {self.doubled}, invented {len(self.invented)}, "
            f"unproven by the ledger {len(self.unproven)}; searchable {self.searchable}, "
            f"missing in the index {len(self.unindexed)}, stray there {len(self.stray)}"
        )
        named = [("lost", self.lost), ("invented", self.invented), ("unindexed", self.unindexed), ("stray", self.stray)]
        shown = [f"\n  {name}: {', '.join(map(str, sorted(ids)[:_SHOWN]))}" for name, ids in named if ids]
        return told + "".join(shown) + "".join(f"\n  {line}" for line in self.unproven[:_SHOWN])


def proof(outboxes: Mapping[str, Path], dsn: str, indexed: Iterable[str] | None) -> Proof:
    """Compare the outboxes (by agent) with the database, its ledger, and the ids that the index holds (None: no index)."""
    found = Proof()
    taken = {agent: list(witnessed(path)) for agent, path in outboxes.items()}
    with psycopg.connect(dsn) as database:
        _rows(found, taken, database)
        _ledger(found, taken, database)
        if indexed is not None:
            _index(found, database, indexed)
    return found


def _rows(found: Proof, taken: Mapping[str, list[Witnessed]], database: psycopg.Connection) -> None:
    rows = Counter(key for table in _TABLES.values() for key in _ids(database, table))
    dead = {
        UUID(row[0])
        for row in database.execute(
            "SELECT metadata->>'event_id' FROM dead_letters WHERE metadata ? 'event_id' AND state = 'new'"
        )
    }
    stones = _tombstones(database)
    committed: set[UUID] = set()
    for agent, events in taken.items():
        for event in events:
            committed.add(event.event_id)
            if event.event_id in rows:
                found.stored += 1
            elif (agent, event.boot_id, event.topic, event.seq) in stones:
                found.tombstoned += 1
            elif event.event_id in dead:
                found.dead += 1
            else:
                found.lost.add(event.event_id)
    found.committed = len(committed)
    found.doubled = sum(count - 1 for count in rows.values())
    found.invented = rows.keys() - committed


def _ids(database: psycopg.Connection, table: str) -> Iterable[UUID]:
    with database.cursor("ids") as cursor:
        cursor.itersize = 50_000
        cursor.execute(f"SELECT event_id FROM {table}")
        for row in cursor:
            yield row[0]


def _tombstones(database: psycopg.Connection) -> set[tuple[str, str, str, int]]:
    query = (
        "SELECT agent_id, boot_id, topic, generate_series(lower(r), upper(r) - 1)"
        " FROM agent_ledger, unnest(tombstoned) AS r"
    )
    return {(row[0], row[1], row[2], row[3]) for row in database.execute(query)}


def _ledger(found: Proof, taken: Mapping[str, list[Witnessed]], database: psycopg.Connection) -> None:
    """The ledger must know each boot up to its last number, and miss none."""
    highest: dict[tuple[str, str, str], int] = {}
    for agent, events in taken.items():
        for event in events:
            key = (agent, event.boot_id, event.topic)
            highest[key] = max(highest.get(key, 0), event.seq)
    told = {
        (row[0], row[1], row[2]): (row[3], row[4])
        for row in database.execute("SELECT agent_id, boot_id, topic, highest, missing_count FROM agent_ledger_proof")
    }
    for key, last in sorted(highest.items()):
        known, missing = told.get(key, (0, last))
        if known != last or missing:
            found.unproven.append(f"{' '.join(key)}: numbered up to {last}, the ledger knows {known}, misses {missing}")


def _index(found: Proof, database: psycopg.Connection, indexed: Iterable[str]) -> None:
    there = {UUID(key) for key in indexed}
    rows = set(_ids(database, "plate_events"))
    found.searchable = len(there)
    found.unindexed, found.stray = rows - there, there - rows
