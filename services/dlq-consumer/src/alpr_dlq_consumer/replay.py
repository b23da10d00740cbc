"""Send letters again at a bounded rate: a letter's state moves only after its record was acknowledged."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from alpr_dlq_consumer.queries import SHOWN_COLUMNS, Kept, Note, Selection, note
from alpr_kafka.failpoints import reach

MAX_TRIPS = 5
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the letters that were sent.

    Attributes:
        accepted: numbers of letters that are on their way again, or stored.
        refused: numbers of letters that were refused again at once, with the reason.
        failed: why the others were not acknowledged; they stay as they are.
    """

    accepted: frozenset[int]
    refused: dict[int, str] = field(default_factory=dict)
    failed: str | None = None


class Sender(Protocol):
    """Where letters are sent again: a topic of Kafka, or the handler of this machine."""

    def sendable(self, letter: Kept) -> str | None:
        """None where the letter can be sent, else a sentence that says why not."""

    def send(self, letters: Sequence[Kept]) -> Outcome:
        """Send all of `letters`; returns when each was acknowledged or has failed."""

    def close(self) -> None:
        """Let go of what is open."""


@dataclass
class Tally:
    """What a replay has done so far."""

    replayed: int = 0
    parked: int = 0
    refused: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast: `per_s` letters a second, in pages that take about a quarter of a second each."""

    per_s: float

    @property
    def page(self) -> int:
        """Letters a page."""
        return max(1, min(_PAGE, round(self.per_s / 4)))


@dataclass
class Replay:
    """One run over the letters of a selection, page by page, in the order in which they came.

    A page is one transaction that holds its rows' locks: two replays at once share the letters, and never send one
    twice. A kill between acknowledgement and commit leaves the page as it was: its letters are sent again by the next
    run, and the consumers' ids absorb that.
    """

    connection: psycopg.Connection
    sender: Sender
    selection: Selection
    pace: Pace
    actor: str
    max_trips: int = MAX_TRIPS
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, progress: Callable[[int], None]) -> Tally:
        """Send until no letter is left, something fails, or `stop` is set; `progress` hears of each page's letters."""
        tally, after = Tally(), 0
        noted = note(self.connection, Note(self.actor, "replay", self.selection.words(), 0))
        began, paced = time.monotonic(), 0
        while not self.stop.is_set() and tally.failed is None:
            page = self._page(after, tally, noted)
            if not page:
                break
            after = page[-1].id
            progress(len(page))
            paced += len(page)
            self.stop.wait(max(0.0, began + paced / self.pace.per_s - time.monotonic()))
        return tally

    def _page(self, after: int, tally: Tally, noted: int) -> list[Kept]:
        with self.connection.transaction():
            page = self._lock_page(after)
            ready = [kept for kept in page if self._fit(kept, tally)]
            if ready:
                outcome = self.sender.send(ready)
                reach("after_produce")
                self._settle(ready, outcome, tally)
                self._count(noted, len(outcome.accepted))
        return page

    def _lock_page(self, after: int) -> list[Kept]:
        where, values = self.selection.where()
        query = sql.SQL(
            "SELECT {} FROM dead_letters WHERE {} AND id > %(after)s ORDER BY id LIMIT %(page)s FOR UPDATE SKIP LOCKED"
        ).format(sql.SQL(SHOWN_COLUMNS), where)
        with self.connection.cursor(row_factory=class_row(Kept)) as cursor:
            return cursor.execute(query, {**values, "after": after, "page": self.pace.page}).fetchall()

    def _fit(self, kept: Kept, tally: Tally) -> bool:
        if kept.attempts >= self.max_trips and kept.state == "new":
            self._move([kept.id], "parked")
            tally.parked += 1
            return False
        why_not = self.sender.sendable(kept)
        if why_not is not None:
            tally.skipped[why_not] += 1
        return why_not is None

    def _settle(self, sent: Sequence[Kept], outcome: Outcome, tally: Tally) -> None:
        self._move(sorted(outcome.accepted), "replayed")
        tally.replayed += len(outcome.accepted)
        for kept in sent:
            if kept.id in outcome.refused:
                self._refused(kept, outcome.refused[kept.id], tally)
        tally.failed = outcome.failed

    def _refused(self, kept: Kept, reason: str, tally: Tally) -> None:
        last = kept.attempts + 1 >= self.max_trips
        self.connection.execute(
            "UPDATE dead_letters SET attempts = attempts + 1, reason = %s, state = %s, state_at = now() WHERE id = %s",
            (reason, "parked" if last else "new", kept.id),
        )
        tally.refused += 1
        tally.parked += last

    def _count(self, noted: int, letters: int) -> None:
        self.connection.execute("UPDATE dead_letter_audit SET letters = letters + %s WHERE id = %s", (letters, noted))

    def _move(self, ids: Sequence[int], state: str) -> None:
        self.connection.execute(
            "UPDATE dead_letters SET state = %s, state_at = now() WHERE id = ANY(%s)", (state, list(ids))
        )


def plan(letters: Iterator[Kept], sender: Sender, max_trips: int = MAX_TRIPS) -> tuple[int, Tally]:
    """What a replay would do, without doing it: (how many it would send, what it would leave)."""
    sent, tally = 0, Tally()
    for kept in letters:
        why_not = sender.sendable(kept)
        if kept.attempts >= max_trips and kept.state == "new":
            tally.parked += 1
        elif why_not is not None:
            tally.skipped[why_not] += 1
        else:
            sent += 1
    return sent, tally
