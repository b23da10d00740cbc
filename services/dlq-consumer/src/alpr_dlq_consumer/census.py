"""Counts the table for Prometheus, and deletes what is too old, on a thread and a connection of its own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import structlog

from alpr_dlq_consumer.consumers import GROUPS, as_label
from alpr_dlq_consumer.metrics import Census, LargeGroup, Metrics
from alpr_dlq_consumer.queries import STATES, Note, note

log = structlog.get_logger(__name__)
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Retention:
    """How long letters are kept after they came to their state.

    Attributes:
        settled: replayed and discarded ones.
        open: new and parked ones, of which nobody has decided; they are personal data too.
    """

    settled: timedelta = timedelta(days=30)
    open: timedelta = timedelta(days=180)


def take_census(connection: psycopg.Connection, largest: int) -> Census:
    """Count the table; at most `largest` groups are named."""
    letters: Counter[tuple[str, str]] = Counter({(consumer, state): 0 for consumer in GROUPS for state in STATES})
    oldest: dict[str, float] = dict.fromkeys(GROUPS, 0.0)
    counted = connection.execute(
        "SELECT consumer, state, count(*), extract(epoch FROM now() - min(first_failed_at))::float8"
        " FROM dead_letters GROUP BY 1, 2"
    )
    for consumer, state, count, seconds in counted:
        letters[as_label(consumer), state] += count
        if state == "new":
            oldest[as_label(consumer)] = max(oldest.get(as_label(consumer), 0.0), seconds)
    large = connection.execute(
        "SELECT fingerprint, min(consumer), min(kind), count(*) AS letters, count(*) OVER () FROM dead_letters"
        " WHERE state = 'new' GROUP BY fingerprint ORDER BY letters DESC, fingerprint LIMIT %s",
        (largest,),
    ).fetchall()
    named = [LargeGroup(fingerprint[:64], as_label(who), kind, count) for fingerprint, who, kind, count, _ in large]
    return Census(dict(letters), oldest, named, large[0][4] if large else 0)


def expire(connection: psycopg.Connection, retention: Retention, actor: str) -> dict[str, int]:
    """Delete letters whose time is over, a page a transaction; how many of each state. The audit notes it."""
    expired: dict[str, int] = {}
    for state in STATES:
        keep = retention.open if state in {"new", "parked"} else retention.settled
        while page := _expire_page(connection, state, keep, actor):
            expired[state] = expired.get(state, 0) + page
    return expired


def _expire_page(connection: psycopg.Connection, state: str, keep: timedelta, actor: str) -> int:
    with connection.transaction():
        deleted = connection.execute(
            "DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE state = %s"
            " AND state_at < now() - %s ORDER BY state_at LIMIT %s FOR UPDATE SKIP LOCKED)",
            (state, keep, _PAGE),
        ).rowcount
        if deleted:
            note(connection, Note(actor, "expire", f"state={state} older than {keep.days} days", deleted))
    return deleted


@dataclass
class Caretaker:
    """Takes the census every few seconds and expires every hour, until told to stop; an outage only delays it."""

    dsn: str
    metrics: Metrics
    retention: Retention
    actor: str
    every_s: float = 15.0
    expire_every_s: float = 3600.0
    largest: int = 20
    _expired_at: float = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Blocks; meant for a thread of its own."""
        while not stop.is_set():
            try:
                self.round()
            except psycopg.OperationalError as e:
                log.warning("census_not_taken", error=type(e).__name__)
            stop.wait(self.every_s)

    def round(self) -> None:
        """One census, and what is too old goes where an hour has passed. Raises psycopg.Error."""
        with psycopg.connect(self.dsn, connect_timeout=5, autocommit=True) as connection:
            self.metrics.counted(take_census(connection, self.largest))
            if time.monotonic() - self._expired_at >= self.expire_every_s:
                expired = expire(connection, self.retention, self.actor)
                self._expired_at = time.monotonic()
                self.metrics.expired(expired.items())
                if expired:
                    log.info("letters_expired", **expired)
