"""Pictures against events: keys that the events name and the object store lacks, and pictures without an event.

Each pass looks at a bounded number, goes on where the last one ended, and looks at what was found before once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol
from uuid import UUID

import structlog

from alpr_images.errors import BadKey
from alpr_schemas.identity import millis_of
from alpr_search_indexer.database import Database, Key
from alpr_search_indexer.findings import Finding, Findings
from alpr_search_indexer.metrics import PICTURES

log = structlog.get_logger(__name__)


class Pictures(Protocol):
    """What we ask of an object store; both raise `alpr_images.errors.Unavailable`."""

    def exists(self, key: str) -> bool:
        """Whether there is a picture under `key`."""

    def keys(self, prefix: str) -> Iterable[str]:
        """All keys below `prefix`, which ends in a slash."""


@dataclass(frozen=True, slots=True)
class PictureReport:
    """What a pass found; `missing` and `orphaned` are all that are known by now."""

    looked_at: int
    missing: int
    orphaned: int


class PictureAudit:
    """Compares; used by one thread. `grace`: how long a picture may come after its event, or a row after it."""

    def __init__(
        self,
        database: Database,
        findings: Findings,
        store: Pictures,
        *,
        limit: int,
        window: timedelta,
        grace: timedelta,
    ) -> None:
        self._database = database
        self._findings = findings
        self._store = store
        self._limit = limit
        self._window = window
        self._grace = grace
        self._after: Key | None = None
        self._unlisted: Iterator[str] | None = None

    def look(self, now: datetime) -> PictureReport:
        """One pass. Raises what its parts raise."""
        self._look_again()
        looked, missing = self._missing(now)
        orphaned = self._orphaned(now)
        self._findings.note([*missing, *orphaned])
        counts = self._findings.counts()
        for kind in ("missing", "orphaned"):
            PICTURES.labels(kind).set(counts[kind])
        if missing or orphaned:
            log.warning("pictures_differ", missing=len(missing), orphaned=len(orphaned))
        return PictureReport(looked, counts["missing"], counts["orphaned"])

    def _look_again(self) -> None:
        """Forget what has come right meanwhile."""
        known = self._findings.oldest(self._limit)
        stored = self._database.known([f.event_id for f in known if f.kind == "orphaned"])
        well = [f for f in known if self._is_well(f, stored)]
        self._findings.drop([f.key for f in well])
        self._findings.note([f for f in known if f not in well])

    def _is_well(self, finding: Finding, stored: set[UUID]) -> bool:
        there = self._exists(finding.key)
        return there if finding.kind == "missing" else finding.event_id in stored or not there

    def _missing(self, now: datetime) -> tuple[int, list[Finding]]:
        since, until = now - self._window, now - self._grace
        after = self._after if self._after is not None and self._after.captured_at >= since else None
        rows = self._database.pictures(since, until, after, self._limit)
        self._after = Key(rows[-1][1], rows[-1][0]) if len(rows) == self._limit else None
        named = [(key, event_id) for event_id, _, keys in rows for key in keys]
        return len(named), [Finding(key, event_id, "missing") for key, event_id in named if not self._exists(key)]

    def _exists(self, key: str) -> bool:
        try:
            return self._store.exists(key)
        except BadKey:  # of the old system: a path on the camera's machine, which leads nowhere
            return False

    def _orphaned(self, now: datetime) -> list[Finding]:
        if self._unlisted is None:
            self._unlisted = self._listed(now)
        keys = list(islice(self._unlisted, self._limit))
        if len(keys) < self._limit:
            self._unlisted = None
        before = (now - self._grace).timestamp() * 1000
        old = [(key, event) for key in keys if (event := _event_of(key)) is not None and millis_of(event) < before]
        stored = self._database.known([event for _, event in old])
        return [Finding(key, event, "orphaned") for key, event in old if event not in stored]

    def _listed(self, now: datetime) -> Iterator[str]:
        """All pictures of the window's days, of the sites that have events in it."""
        for site in self._database.sites(now - self._window):
            day = (now - self._window).astimezone(UTC)
            while day.date() <= now.astimezone(UTC).date():
                with suppress(BadKey):  # a site that has no pictures of ours
                    yield from self._store.keys(f"{site}/{day:%Y/%m/%d}/")
                day += timedelta(days=1)


def _event_of(key: str) -> UUID | None:
    """The event whose picture lies under `key`; None for what is no key of ours."""
    parts = key.split("/")
    try:
        event = UUID(parts[4]) if len(parts) == 6 else None
    except ValueError:
        return None
    return event if event is not None and event.version == 7 else None
