"""The ledger as people and gauges read it: what has come of each boot, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.multirange import Int8Multirange

from alpr_storage_consumer import metrics

_COLUMNS = (
    "agent_id, boot_id, topic, site_id, contiguous_upto, highest, seen_count, missing, missing_count, tombstoned,"
    " tombstoned_count, dead, dead_count, first_at, last_at"
)
_MOST_SITES = 200  # as labels; what is more is counted under one
_MANY = 4
_HEADS = ("AGENT", "BOOT", "TOPIC", "UP TO", "HIGHEST", "SEEN", "MISSING", "GIVEN UP", "DEAD LETTERS")


@dataclass(frozen=True, slots=True)
class Entry:
    """One boot's numbering of a topic.

    Attributes:
        contiguous_upto: all numbers from 1 to it are accounted for.
        missing, tombstoned, dead: ranges of numbers; missing ones nobody has accounted for.
    """

    agent_id: str
    boot_id: str
    topic: str
    site_id: str | None
    contiguous_upto: int
    highest: int
    seen_count: int
    missing: Int8Multirange
    missing_count: int
    tombstoned: Int8Multirange
    tombstoned_count: int
    dead: Int8Multirange
    dead_count: int
    first_at: datetime
    last_at: datetime


def read_proof(connection: psycopg.Connection, agent: str | None = None) -> list[Entry]:
    """All entries of the ledger, or those of `agent`; those with something missing first."""
    query = (
        f"SELECT {_COLUMNS} FROM agent_ledger_proof WHERE %s::text IS NULL OR agent_id = %s"  # noqa: S608 - our columns
        " ORDER BY missing_count = 0, agent_id, first_at, boot_id, topic"
    )
    with connection.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(query, (agent, agent)).fetchall()


def as_table(entries: Sequence[Entry]) -> str:
    """`entries` for a terminal."""
    rows = [_HEADS, *(_cells(entry) for entry in entries)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEADS))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def as_document(entries: Sequence[Entry]) -> dict[str, Any]:
    """`entries` for programs; ranges are [first, last]."""
    return {
        "complete": not any(entry.missing_count for entry in entries),
        "missing": sum(entry.missing_count for entry in entries),
        "tombstoned": sum(entry.tombstoned_count for entry in entries),
        "dead": sum(entry.dead_count for entry in entries),
        "seen": sum(entry.seen_count for entry in entries),
        "boots": [_document(entry) for entry in entries],
    }


def show_gauges(connection: psycopg.Connection) -> None:
    """Set the gauges, by site, from the whole ledger."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    query = (
        "SELECT coalesce(site_id, ''), sum(missing_count)::bigint, sum(tombstoned_count)::bigint,"
        " sum(dead_count)::bigint FROM agent_ledger_proof GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    for place, (site, *counts) in enumerate(connection.execute(query)):
        known = sums[site if place < _MOST_SITES else "(others)"]
        known[:] = [a + b for a, b in zip(known, counts, strict=True)]
    for gauge in (metrics.LEDGER_MISSING, metrics.LEDGER_LOST, metrics.LEDGER_DEAD):
        gauge.clear()
    for site, (missing, lost, dead) in sums.items():
        metrics.LEDGER_MISSING.labels(site).set(missing)
        metrics.LEDGER_LOST.labels(site).set(lost)
        metrics.LEDGER_DEAD.labels(site).set(dead)


def _cells(entry: Entry) -> tuple[str, ...]:
    counts = (str(entry.contiguous_upto), str(entry.highest), str(entry.seen_count))
    gaps = (_gap(entry.missing, entry.missing_count), _gap(entry.tombstoned, entry.tombstoned_count))
    return (entry.agent_id, entry.boot_id[:12], entry.topic, *counts, *gaps, _gap(entry.dead, entry.dead_count))


def _gap(ranges: Int8Multirange, count: int) -> str:
    if not count:
        return "-"
    spans = _spans(ranges)
    shown = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans[:_MANY])
    return f"{count} ({shown}{', …' if len(spans) > _MANY else ''})"


def _document(entry: Entry) -> dict[str, Any]:
    told = asdict(entry)
    for name in ("missing", "tombstoned", "dead"):
        told[name] = _spans(told[name])
    return told | {"first_at": entry.first_at.isoformat(), "last_at": entry.last_at.isoformat()}


def _spans(ranges: Iterable[Any]) -> list[tuple[int, int]]:
    return [(found.lower, found.upper - 1) for found in ranges]
