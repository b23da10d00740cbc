"""Records into a batch of rows, with the numbers that the ledger needs: pure.

It runs beside the write of the batch before, and no record passes through a model: see `rows`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from alpr_kafka.decoding import Decoder
from alpr_kafka.errors import Undecodable
from alpr_kafka.handling import Prepared
from alpr_kafka.records import DeadLetterKind, Record, Refused
from alpr_schemas import topics
from alpr_storage_consumer.binary_copy import EPOCH
from alpr_storage_consumer.ledger import LARGEST, Group, Home, LedgerKey
from alpr_storage_consumer.peek import key_fields
from alpr_storage_consumer.rows import ROW_OF, TABLES, Misfit
from alpr_storage_consumer.transcode import Transcoded, transcoded

LOST_EVENTS: Final = "alpr_events_lost"
_UNIX_US = int(EPOCH.timestamp()) * 1_000_000  # PostgreSQL's epoch, after Unix's
_TIME_IN_ID = 7  # the UUID version that begins with Unix milliseconds
_LONGEST_NAME = 200
_FUTURE = timedelta(minutes=5)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class TableRows:
    """The rows of one topic, in the order of arrival: `lines[n]` was made from `records[n]`, at `at_us[n]`.

    Attributes:
        numbered: how many of them are numbered by their agent.
    """

    table: str
    lines: list[bytes] = field(default_factory=list)
    at_us: list[int] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    numbered: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """A tombstone: the numbers `first` to `last` of a boot were given up by their agent."""

    key: LedgerKey
    site: str | None
    first: int
    last: int


@dataclass(slots=True)
class Work:
    """A batch as the store takes it.

    Attributes:
        tables: rows by topic.
        groups: numbers by agent, boot, topic and partition, in the order of their first record.
        dead: numbers of records that were refused after they were decoded: as groups, without rows.
        losses: what agents say they lost.
        unread: records by table that were probably stored before, with their keys' fields: see `peek`.
    """

    tables: dict[str, TableRows] = field(default_factory=dict)
    groups: dict[tuple[str, str, str, int | None], Group] = field(default_factory=dict)
    dead: list[tuple[LedgerKey, str | None, int]] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    unread: dict[str, list[tuple[bytes, Record]]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return sum(len(rows.lines) for rows in self.tables.values())


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Which times are taken: from `earliest`, at most `max_age` old, at most five minutes ahead of the clock."""

    earliest: datetime = EPOCH
    max_age: timedelta | None = timedelta(days=3653)

    def bounds_us(self, now: datetime) -> tuple[int, int]:
        """The first and the last moment, microseconds since 2000."""
        first = self.earliest if self.max_age is None else max(self.earliest, now - self.max_age)
        return (first - EPOCH) // _MICROSECOND, (now + _FUTURE - EPOCH) // _MICROSECOND


def prepare(
    records: Sequence[Record], decoder: Decoder, window: TimeWindow, now: datetime | None = None
) -> Prepared[Work]:
    """`records` as a batch; what can never be stored is refused, with the reason.

    Raises alpr_kafka.errors.Unavailable where `decoder` lacks a schema that it cannot get now.
    """
    work, refused = Work(), []
    first_us, last_us = window.bounds_us(now or datetime.now(UTC))
    for record in records:
        start = decoder.own_from(record) if record.topic == topics.PLATES else -1
        found = transcoded(record.value, start) if start >= 0 else None
        if found is not None and _take_whole(work, record, found, first_us, last_us):
            continue
        try:
            event = decoder.decode(record)
            _take(work, record, event, first_us, last_us)
        except Undecodable as e:
            refused.append(Refused(record, e.kind, e.reason))
        except _Absurd as e:
            refused.append(Refused(record, DeadLetterKind.BUSINESS_LOGIC, str(e)))
        except (Misfit, struct.error) as e:
            _note_dead(work, record, event)
            refused.append(Refused(record, DeadLetterKind.SCHEMA_VALIDATION, f"{record.topic}: {e}"))
    return Prepared(work, len(records), refused)


def glance(records: Sequence[Record]) -> tuple[Work, list[Record]]:
    """The keys of `records`, not decoded, and the records that show none: for a topic that is read again."""
    work, rest = Work(), []
    for record in records:
        fields, table = key_fields(record.value), TABLES.get(record.topic)
        if fields is None or table is None:
            rest.append(record)
        else:
            work.unread.setdefault(table, []).append((fields, record))
    return work, rest


class _Absurd(ValueError):
    """A record that is well formed and cannot be true."""


def _take_whole(work: Work, record: Record, found: Transcoded, first_us: int, last_us: int) -> bool:
    """Take a row that was made without decoding; False where something is wrong with it, which `_take` can tell."""
    line, key, at_us, number, agent, boot, site = found
    counted = 1 <= number < LARGEST and agent != ""
    if _absurd(key, at_us, first_us, last_us, counted=counted):
        return False
    rows = work.tables.get(topics.PLATES)
    if rows is None:
        rows = work.tables[topics.PLATES] = TableRows(TABLES[topics.PLATES])
    if counted:
        rows.numbered += _count(work, record, (agent, boot, site), number, len(rows.lines))
    rows.lines.append(line)
    rows.at_us.append(at_us)
    rows.records.append(record)
    return True


def _take(work: Work, record: Record, event: Mapping[str, Any], first_us: int, last_us: int) -> None:
    topic = record.topic
    build = ROW_OF.get(topic)
    if build is None:
        raise Misfit("no topic of events")
    row = build(event)
    number = event.get("seq", 0)
    counted = 1 <= number < LARGEST and event["agent_id"] != ""
    absurd = _absurd(row.key, row.at_us, first_us, last_us, counted=counted)
    if absurd:
        _note_dead(work, record, event)
        raise _Absurd(absurd)
    rows = work.tables.get(topic)
    if rows is None:
        rows = work.tables[topic] = TableRows(TABLES[topic])
    if counted:
        who = event["agent_id"], event["boot_id"], event["node"]["site"]
        rows.numbered += _count(work, record, who, number, len(rows.lines))
    elif topic == topics.METRICS and event["metric_name"] == LOST_EVENTS:
        _note_loss(work, event)
    rows.lines.append(row.line)
    rows.at_us.append(row.at_us)
    rows.records.append(record)


def _absurd(key: bytes, at_us: int, first_us: int, last_us: int, *, counted: bool) -> str:
    """What cannot be true of a row with this id and time; empty where nothing is."""
    if at_us > last_us:
        return "its time lies in the future: set the clock of the agent"
    if at_us < first_us:
        return "its time lies too far in the past: set the clock of the agent, or raise max_age"
    if counted and key[6] >> 4 == _TIME_IN_ID:
        millis = int.from_bytes(key[:6], "big")
        if millis != (at_us + _UNIX_US) // 1000:
            return "captured_at is not the time that event_id holds"
    return ""


def _count(work: Work, record: Record, who: tuple[str, str, str | None], number: int, row: int) -> bool:
    """Whether the ledger can count it; `who`: agent, boot, site."""
    place, (agent, boot, site) = record.place, who
    part = None if place is None or record.retried else place.partition
    group = work.groups.get((agent, boot, record.topic, part))
    if group is None:
        if not _countable(agent, boot, site):
            return False
        home = None if part is None else Home(agent, record.topic, part)
        group = Group(LedgerKey(agent, boot, record.topic), home, site)
        work.groups[agent, boot, record.topic, part] = group
    group.numbers.append(number)
    group.rows.append(row)
    return True


def _countable(agent: str, boot: str, site: str | None) -> bool:
    """Not names that the ledger's keys cannot hold: the row itself is refused for them."""
    return max(len(agent), len(boot), len(site or "")) <= _LONGEST_NAME and "\0" not in f"{agent}{boot}{site}"


def _note_dead(work: Work, record: Record, event: Mapping[str, Any]) -> None:
    number, agent = event.get("seq", 0), event.get("agent_id", "")
    if agent and 1 <= number < LARGEST and _countable(agent, event["boot_id"], event["node"]["site"]):
        work.dead.append((LedgerKey(agent, event["boot_id"], record.topic), event["node"]["site"], number))


def _note_loss(work: Work, event: Mapping[str, Any]) -> None:
    """A tombstone without its agent, or with numbers that make no sense, is a figure like any other."""
    tags = event["tags"]
    try:
        first, last = int(tags["first_seq"]), int(tags["last_seq"])
        key = LedgerKey(tags["agent_id"], tags["boot_id"], tags["topic"])
    except (KeyError, ValueError):
        return
    counts = key.agent and key.topic in TABLES and 1 <= first <= last < LARGEST
    if counts and _countable(key.agent, key.boot, event["site_id"]):
        work.losses.append(Loss(key, event["site_id"], first, last))
