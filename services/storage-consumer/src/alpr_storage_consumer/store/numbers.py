"""The ledger's tables: `agent_ledger` and `agent_boots`. Rows are locked in the order of their keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from alpr_storage_consumer.batches import Work
from alpr_storage_consumer.ledger import Boots, Group, Home, LedgerKey, Span, multirange, seen_and_dead, spans

_OVERLAPS = """
SELECT l.agent_id, l.boot_id, l.topic, l.seen * w.numbers::int8multirange
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS w (agent_id, boot_id, topic, numbers)
JOIN agent_ledger AS l USING (agent_id, boot_id, topic)
ORDER BY l.agent_id, l.boot_id, l.topic FOR UPDATE OF l
"""
_ADD = """
INSERT INTO agent_ledger AS l (agent_id, boot_id, topic, site_id, seen, dead, tombstoned)
SELECT agent_id, boot_id, topic, site_id, seen::int8multirange, dead::int8multirange, tombstoned::int8multirange
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS w (agent_id, boot_id, topic, site_id, seen, dead, tombstoned)
ORDER BY agent_id, boot_id, topic
ON CONFLICT (agent_id, boot_id, topic) DO UPDATE SET
    seen = l.seen + excluded.seen, dead = l.dead + excluded.dead, tombstoned = l.tombstoned + excluded.tombstoned,
    site_id = coalesce(excluded.site_id, l.site_id), last_at = now()
"""
_BOOTS = """
SELECT b.agent_id, b.topic, b.part, b.boot_id
FROM unnest(%s::text[], %s::text[], %s::int[]) AS w (agent_id, topic, part) JOIN agent_boots AS b USING (agent_id, topic, part)
ORDER BY NOT b.superseded
"""  # noqa: E501 - a query's line
_SUPERSEDE = "UPDATE agent_boots SET superseded = true WHERE agent_id = %s AND topic = %s AND part = %s"
_NEWEST = """
INSERT INTO agent_boots (agent_id, topic, part, boot_id) VALUES (%s, %s, %s, %s)
ON CONFLICT (agent_id, topic, part, boot_id) DO UPDATE SET superseded = false
"""


@dataclass(slots=True)
class _Entry:
    site: str | None = None
    seen: list[int] = field(default_factory=list)
    dead: list[int] = field(default_factory=list)
    lost: list[Span] = field(default_factory=list)


def overlaps(connection: psycopg.Connection, groups: Sequence[Group]) -> dict[LedgerKey, list[Span]]:
    """The numbers of `groups` that have come before; the ledger's rows of them stay locked to the transaction's end."""
    numbers: dict[LedgerKey, list[int]] = {}
    for group in groups:
        numbers.setdefault(group.key, []).extend(group.numbers)
    if not numbers:
        return {}
    keys = sorted(numbers)
    values = (*_columns(keys), [multirange(spans(numbers[key])) for key in keys])
    rows = connection.execute(_OVERLAPS, values)
    return {LedgerKey(*key): [(r.lower, r.upper) for r in found] for *key, found in rows if found}


def read_boots(connection: psycopg.Connection, homes: Iterable[Home], boots: Boots) -> None:
    """Teach `boots` what the database knows of `homes`."""
    missing = boots.unknown(dict.fromkeys(homes))
    if not missing:
        return
    known: dict[Home, list[str]] = {home: [] for home in missing}
    values = ([h.agent for h in missing], [h.topic for h in missing], [h.partition for h in missing])
    for agent, topic, part, boot in connection.execute(_BOOTS, values):
        known[Home(agent, topic, part)].append(boot)
    for home, found in known.items():
        boots.learn(home, found)


def note_boots(connection: psycopg.Connection, newest: Sequence[tuple[Home, str]]) -> None:
    """Each of `newest` is the newest boot of its home now."""
    for home, boot in newest:
        connection.execute(_SUPERSEDE, home)
        connection.execute(_NEWEST, (*home, boot))


def add(
    connection: psycopg.Connection,
    work: Work,
    refused: Mapping[str, set[int]],
    before: Mapping[LedgerKey, Sequence[Span]],
) -> None:
    """Write down what came, what became dead letters (`refused`: rows by topic) and what was lost.

    What the ledger holds already (`before`) is not written again: a replay leaves it alone.
    """
    entries: dict[LedgerKey, _Entry] = defaultdict(_Entry)
    for group, seen, dead in seen_and_dead(list(work.groups.values()), refused):
        entry = entries[group.key]
        entry.site = group.site or entry.site
        entry.seen += seen
        entry.dead += dead
    news = {key: e for key, e in entries.items() if e.dead or spans(e.seen) != list(before.get(key, ()))}
    for key, site, number in work.dead:
        news.setdefault(key, _Entry(site)).dead.append(number)
    for loss in work.losses:
        news.setdefault(loss.key, _Entry(loss.site)).lost.append((loss.first, loss.last + 1))
    if news:
        _write(connection, news)


def _write(connection: psycopg.Connection, entries: Mapping[LedgerKey, _Entry]) -> None:
    keys = sorted(entries)
    found = [entries[key] for key in keys]
    values = (
        *_columns(keys), [e.site for e in found], [multirange(spans(e.seen)) for e in found],
        [multirange(spans(e.dead)) for e in found], [multirange(e.lost) for e in found],
    )  # fmt: skip
    connection.execute(_ADD, values)


def _columns(keys: Sequence[LedgerKey]) -> tuple[list[str], list[str], list[str]]:
    return [k.agent for k in keys], [k.boot for k in keys], [k.topic for k in keys]
