"""Documents into the index: several requests at a time, each document settled by itself.

What the engine has no room for is sent again alone; months that are not there are made; a repeated call of `settle`
sends only what is still open.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog

from alpr_search_indexer.documents import Line
from alpr_search_indexer.errors import Misdeployed, Unavailable
from alpr_search_indexer.indices import Month
from alpr_search_indexer.metrics import BULK_DOCUMENTS, BULK_REQUESTS, BULK_SECONDS, OUTCOMES, RETRIES
from alpr_search_indexer.search_engine import Refusal, SearchEngine
from alpr_search_indexer.verdicts import Verdict, reason, verdict

log = structlog.get_logger(__name__)
_TOO_LARGE = 413


@dataclass
class Work:
    """Lines on their way. `open` holds what is not settled yet, `refused` what never will be, with reasons."""

    open: list[Line]
    refused: list[tuple[Line, str]] = field(default_factory=list)
    indexed: int = 0
    present: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How a writer asks.

    Attributes:
        size: documents a request.
        threads: requests at a time.
        tries: of a document that the engine had no room for, before the outage is told.
    """

    size: int = 500
    threads: int = 2
    tries: int = 3
    first_delay_s: float = 0.2
    longest_delay_s: float = 2.0


class Writer:
    """Posts lines by `make_month`'s aliases; used by one thread, asks on several."""

    def __init__(
        self,
        engine: SearchEngine,
        make_month: Callable[[Month], None],
        pace: Pace = Pace(),
        stop: threading.Event | None = None,
        *,
        require_alias: bool = True,
    ) -> None:
        self._engine = engine
        self._require_alias = require_alias
        self._make_month = make_month
        self._pace = pace
        self._stop = stop or threading.Event()
        self._pool = ThreadPoolExecutor(pace.threads, "bulk") if pace.threads > 1 else None

    def settle(self, work: Work) -> None:
        """Returns when nothing of `work` is open. Raises Unavailable (the rest stays open), Misdeployed."""
        for attempt in range(self._pace.tries):
            if attempt:
                RETRIES.inc(len(work.open))
                # Full jitter (Brooker, "Exponential backoff and jitter"): many indexers do not come back as one.
                delay_s = min(self._pace.first_delay_s * 2 ** min(attempt, 16), self._pace.longest_delay_s)
                self._stop.wait(random.uniform(0, delay_s))  # noqa: S311 - no secret
            self._round(work)
            if not work.open:
                return
        raise Unavailable(f"OpenSearch: no room for {len(work.open)} documents; are its indices closed for writing?")

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _round(self, work: Work) -> None:
        parts = self._parts(work.open)
        answers = list(self._pool.map(self._post, parts)) if self._pool and len(parts) > 1 else map(self._post, parts)
        still: list[Line] = []
        failed: Unavailable | None = None
        for part, answer in zip(parts, answers, strict=True):
            if isinstance(answer, Unavailable):
                failed = answer
                still += part
            else:
                still += self._judged(work, part, answer)
        work.open = still
        if failed is not None:
            raise failed

    def _parts(self, lines: Sequence[Line]) -> list[Sequence[Line]]:
        """Equal parts, so that no thread waits for a full one while it holds a rest."""
        count = -(-len(lines) // self._pace.size)
        if count > 1:
            count = -(-count // self._pace.threads) * self._pace.threads
        size = -(-len(lines) // max(count, 1))
        return [lines[at : at + size] for at in range(0, len(lines), max(size, 1))]

    def _post(self, part: Sequence[Line]) -> list[Verdict | str] | Unavailable:
        try:
            with BULK_SECONDS.time():
                items = self._engine.bulk(b"".join([line.data for line in part]), require_alias=self._require_alias)
        except Unavailable as e:
            return e
        except Refusal as e:
            return self._halved(part, e)
        finally:
            BULK_REQUESTS.inc()
            BULK_DOCUMENTS.observe(len(part))
        if items is None:
            return [Verdict.INDEXED] * len(part)
        return [_told(item) for item in items]

    def _halved(self, part: Sequence[Line], error: Refusal) -> list[Verdict | str] | Unavailable:
        """A request that is too large goes again in halves; any other refusal of a whole request is our own fault."""
        if error.status != _TOO_LARGE:
            raise Misdeployed(f"a bulk request was refused: {error}") from error
        if len(part) == 1:
            return [f"OpenSearch: {error}"]
        told: list[Verdict | str] = []
        for half in (part[: len(part) // 2], part[len(part) // 2 :]):
            answer = self._post(half)
            if isinstance(answer, Unavailable):
                return answer
            told += answer
        return told

    def _judged(self, work: Work, part: Sequence[Line], told: Sequence[Verdict | str]) -> list[Line]:
        """Count what is settled; what is not comes back, after its month was made where that was missing."""
        indexed, present = told.count(Verdict.INDEXED), told.count(Verdict.PRESENT)
        work.indexed += indexed
        work.present += present
        OUTCOMES.labels("indexed").inc(indexed)
        OUTCOMES.labels("present").inc(present)
        if indexed + present == len(part):
            return []
        refused = [(line, what) for line, what in zip(part, told, strict=True) if isinstance(what, str)]
        OUTCOMES.labels("refused").inc(len(refused))
        work.refused += refused
        homeless = {line.month for line, what in zip(part, told, strict=True) if what is Verdict.NO_INDEX}
        for month in sorted(homeless):
            log.warning("month_missing", month=str(month))
            self._make_month(month)
        return [line for line, what in zip(part, told, strict=True) if what in (Verdict.AGAIN, Verdict.NO_INDEX)]


def _told(item: Mapping[str, Any]) -> Verdict | str:
    """The verdict, or why a document is refused."""
    what = verdict(item)
    if what is Verdict.MAPPING:
        raise Misdeployed("an index lacks a field of this version; run alpr-reindex --from-db for its month")
    return reason(item) if what is Verdict.REFUSED else what
