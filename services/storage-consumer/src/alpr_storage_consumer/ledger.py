"""The arithmetic of the ledger: which numbers of an agent's boots a batch holds, and which a copied agent sent. Pure.

An agent numbers the events of each topic from 1 on, without gaps, anew with each boot. A number that comes twice with
two events, or a new number of a boot after a later boot was seen in the same partition, means that two agents run under
one id: a disk or a machine was cloned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

LARGEST = 1 << 53
"""Numbers beyond are nobody's count: whoever writes them is broken."""

Span = tuple[int, int]
"""From, and the first number after."""


class LedgerKey(NamedTuple):
    """One numbering."""

    agent: str
    boot: str
    topic: str


class Home(NamedTuple):
    """An agent in a partition."""

    agent: str
    topic: str
    partition: int


@dataclass(slots=True)
class Group:
    """The numbers of one boot from one partition of a batch.

    Attributes:
        home: where the order of boots is judged; None for records that have no order (an outbox, a replayed letter).
        numbers: in the order of arrival; `rows` are their places among the topic's rows.
    """

    key: LedgerKey
    home: Home | None
    site: str | None
    numbers: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Judged:
    """What the ledger says of a batch.

    Attributes:
        copies: rows of a topic that a copied agent sent.
        again: rows whose number has come before: the same events, or a copied agent's.
        boots: homes whose newest boot changed: (home, boot).
    """

    copies: dict[str, set[int]] = field(default_factory=dict)
    again: dict[str, set[int]] = field(default_factory=dict)
    boots: list[tuple[Home, str]] = field(default_factory=list)


class Boots:
    """The boots that each home has shown, newest last; what is not known is read by the owner."""

    def __init__(self) -> None:
        self._known: dict[Home, list[str]] = {}

    def unknown(self, homes: Iterable[Home]) -> list[Home]:
        """Those of `homes` that must be read first."""
        return [home for home in homes if home not in self._known]

    def learn(self, home: Home, boots: Sequence[str]) -> None:
        """`boots` of `home`, newest last."""
        self._known[home] = list(boots)

    def of(self, home: Home) -> list[str]:
        """The boots of `home`, newest last."""
        return self._known[home]

    def forget(self) -> None:
        """Know nothing: a write failed, or partitions changed hands."""
        self._known.clear()


def spans(numbers: Iterable[int]) -> list[Span]:
    """`numbers` as sorted, disjoint spans that do not touch."""
    found: list[Span] = []
    for number in sorted(numbers):
        if found and number <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], number + 1))
        else:
            found.append((number, number + 1))
    return found


def multirange(of: Iterable[Span]) -> str:
    """`of` as PostgreSQL writes an int8multirange."""
    return "{" + ",".join(f"[{first},{after})" for first, after in of) + "}"


def judge(groups: Sequence[Group], overlaps: Mapping[LedgerKey, Sequence[Span]], boots: Boots) -> Judged:
    """Which rows a copied agent sent, and which came before.

    `overlaps` are the numbers of the batch that the ledger holds already; `boots` knows every home of the batch.
    """
    judged = Judged()
    late = _late_from(groups, boots, judged)
    taken: dict[LedgerKey, set[int]] = {}
    for group in groups:
        if group.home is not None:
            before = _members(overlaps.get(group.key, ()))
            _judge_rows(group, before, taken.setdefault(group.key, set()), late.get(id(group)), judged)
    return judged


def _judge_rows(group: Group, before: set[int], taken: set[int], late_from: int | None, judged: Judged) -> None:
    """Fast where all is as it should be: no number came before, none twice, no later boot."""
    numbers = set(group.numbers)
    if late_from is None and len(numbers) == len(group.rows) and not (numbers & before or numbers & taken):
        taken |= numbers
        return
    for number, row in zip(group.numbers, group.rows, strict=True):
        if number in before or number in taken:
            judged.again.setdefault(group.key.topic, set()).add(row)
        elif late_from is not None and row > late_from:
            judged.copies.setdefault(group.key.topic, set()).add(row)
        taken.add(number)


def _late_from(groups: Sequence[Group], boots: Boots, judged: Judged) -> dict[int, int]:
    """From which row on each group is later than a later boot of its agent; by identity of the group."""
    late: dict[int, int] = {}
    newest: dict[Home, list[Group]] = {}
    for group in groups:  # in the order of their first rows: the order of the partition
        if group.home is None:
            continue
        known = boots.of(group.home)
        if group.key.boot not in known:
            for earlier in newest.get(group.home, []):
                late.setdefault(id(earlier), group.rows[0])
            known.append(group.key.boot)
            judged.boots.append((group.home, group.key.boot))
        elif group.key.boot != known[-1]:
            late[id(group)] = -1
        newest.setdefault(group.home, []).append(group)
    return late


def _members(of: Iterable[Span]) -> set[int]:
    return {number for first, after in of for number in range(first, after)}


def seen_and_dead(
    groups: Sequence[Group], refused: Mapping[str, set[int]]
) -> Iterator[tuple[Group, list[int], list[int]]]:
    """Each group's numbers that lie in the database, and those that are dead letters; `refused` are rows by topic."""
    for group in groups:
        out = refused.get(group.key.topic)
        if not out:
            yield group, group.numbers, []
            continue
        pairs = list(zip(group.numbers, group.rows, strict=True))
        yield group, [n for n, row in pairs if row not in out], [n for n, row in pairs if row in out]
