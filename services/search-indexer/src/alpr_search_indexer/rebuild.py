"""A month's index anew from the database, while live writing goes on; nothing of either is lost between.

1. A new generation: hidden, without refresh and replicas, and its progress in its own `_meta`.
2. Pages of the database in the order of (captured_at, event_id); each write is idempotent, so a stop costs a page.
3. What was written live meanwhile lies in the old generation: it is copied over, once before the swap and once after.
4. The swap: one atomic change of aliases. From then on writers land in the new generation.
5. The old generation is closed for writing; the engine answers only when writes under way have ended. Whoever comes too
   late is told 403 and comes again, by the alias. Then the second copy, and the old generation goes.
6. Rows that were stored behind our back of the cursor (their feed number is younger than the start) follow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import structlog

from alpr_search_indexer.catalogue import EVERYTHING, Catalogue
from alpr_search_indexer.database import Database, Key, Row
from alpr_search_indexer.documents import Line, line, of_row
from alpr_search_indexer.errors import Unavailable
from alpr_search_indexer.indices import Month
from alpr_search_indexer.progress import Progress
from alpr_search_indexer.search_engine import SearchEngine
from alpr_search_indexer.writer import Pace, Work, Writer

log = structlog.get_logger(__name__)
_T = TypeVar("_T")
_PAGE = 4000
_NOTE_EVERY_S = 2.0
_OVERLAP = timedelta(hours=1)
"""Documents this young at the start are copied too: the database may have been behind the index by then."""


class Rebuild:
    """Rebuilds months, one at a time; `tell(month, rows, of)` hears of progress."""

    def __init__(
        self,
        engine: SearchEngine,
        catalogue: Catalogue,
        database: Database,
        pace: Pace,
        tell: Callable[[Month, int, int], None] = lambda _month, _rows, _of: None,
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._database = database
        self._pace = pace
        self._tell = tell

    def month(self, month: Month) -> int:
        """Rebuild `month`, or go on with what an earlier call began; rows written. Raises what its parts raise."""
        index, progress = self._unfinished(month) or self._begun(month)
        if self._catalogue.holder(month) != index:
            progress = self._filled(month, index, progress)
            progress = self._swapped(month, index, progress)
        self._settled(month, index, progress)
        log.info("month_rebuilt", index=index, rows=progress.rows)
        return progress.rows

    # -- the generation and its progress

    def _unfinished(self, month: Month) -> tuple[str, Progress] | None:
        """The generation of `month` that has progress noted in it: the newest, if there are several."""
        found = self._engine.find("GET", f"/{self._catalogue.names.written(month)}-g*/_mapping", **EVERYTHING) or {}
        noted = {
            index: told["mappings"]["_meta"]["rebuild"]
            for index, told in found.items()
            if "rebuild" in told["mappings"].get("_meta", {})
        }
        if not noted:
            return None
        index = max(noted, key=lambda i: (self._catalogue.names.read(i) or (month, 0))[1])
        return index, Progress(**noted[index])

    def _begun(self, month: Month) -> tuple[str, Progress]:
        names, standing = self._catalogue.names, self._catalogue.indices()
        index = names.generation(month, names.next_generation(month, standing))
        of_month = [i for i in standing if (names.read(i) or (None, 0))[0] == month]
        progress = Progress(
            began_at=datetime.now(UTC).isoformat(),
            feed=self._database.newest_feed(),
            floors={i: self._last_write(i) for i in of_month},
        )
        settings = {"hidden": True, "refresh_interval": "-1", "number_of_replicas": 0}
        body = {"settings": {"index": settings}, "mappings": {"_meta": {"rebuild": asdict(progress)}}}
        self._engine.ask("PUT", f"/{index}", body)
        return index, progress

    def _note(self, index: str, progress: Progress | None) -> None:
        meta = {"rebuild": asdict(progress)} if progress is not None else {}
        self._engine.ask("PUT", f"/{index}/_mapping", {"_meta": meta})

    def _last_write(self, index: str) -> int:
        """A number that every later write of `index` has above it: the least of its shards' last ones."""
        told = self._engine.ask("GET", f"/{index}/_stats", level="shards")["indices"][index]["shards"]
        return min(int(copy["seq_no"]["max_seq_no"]) for copies in told.values() for copy in copies)

    # -- filling

    def _filled(self, month: Month, index: str, progress: Progress) -> Progress:
        noted_at, total = time.monotonic(), self._database.count(month.start, month.end)
        with closing(self._writer()) as writer:
            for lines in _ahead(self._pages(month, index, progress.key)):
                last, rows = lines[-1], progress.rows + len(lines)
                settle(writer, Work(lines))
                progress = replace(
                    progress, captured_at=last.captured_at.isoformat(), event_id=last.event_id, rows=rows
                )
                self._tell(month, rows, total)
                if time.monotonic() - noted_at >= _NOTE_EVERY_S:
                    self._note(index, progress)
                    noted_at = time.monotonic()
        self._note(index, progress)
        self._check(index, progress)
        return progress

    def _pages(self, month: Month, index: str, after: Key | None) -> Iterator[list[Line]]:
        while rows := self._database.page(month.start, month.end, after, _PAGE):
            yield lines_for(index, rows)
            after = Key(rows[-1][1], rows[-1][0])

    def _check(self, index: str, progress: Progress) -> None:
        """What was written must be there: somebody may have deleted the generation, and a write made it anew."""
        self._engine.ask("POST", f"/{index}/_refresh", timeout_s=300)
        found = int(self._engine.ask("GET", f"/{index}/_count")["count"])
        if found < progress.rows:
            self._engine.find("DELETE", f"/{index}")
            raise Unavailable(
                f"{index} holds {found} of {progress.rows} documents, did somebody delete it? run it again"
            )

    def _writer(self) -> Writer:
        return Writer(self._engine, _no_month, self._pace, require_alias=False)

    # -- the swap

    def _swapped(self, month: Month, index: str, progress: Progress) -> Progress:
        old = self._catalogue.holder(month) or ""
        if old == self._catalogue.names.written(
            month
        ):  # of the old system: the swap removes it, the database is the truth
            progress = replace(progress, replaces="")
        elif old:
            self._copy(old, index, progress)
            progress = replace(progress, replaces=old)
        shape = self._catalogue.shape
        settings = {"refresh_interval": shape.refresh, "number_of_replicas": shape.replicas}
        self._engine.ask("PUT", f"/{index}/_settings", {"index": settings})
        self._note(index, progress)
        self._engine.ask("POST", f"/{index}/_refresh", timeout_s=300)
        self._engine.ask("POST", "/_aliases", {"actions": self._actions(month, old, index)})
        log.info("aliases_swapped", old=old, new=index)
        return progress

    def _actions(self, month: Month, old: str, new: str) -> list[dict[str, Any]]:
        names = self._catalogue.names
        actions: list[dict[str, Any]] = []
        if old == names.written(month):  # an index of the old system holds the name itself
            actions.append({"remove_index": {"index": old}})
        elif old:
            actions += [{"remove": {"index": old, "alias": alias}} for alias in self._catalogue.aliases(month)]
        added = self._catalogue.aliases(month).items()
        return actions + [{"add": {"index": new, "alias": alias, **told}} for alias, told in added]

    def _settled(self, month: Month, index: str, progress: Progress) -> None:
        """After the swap; may be repeated as a whole."""
        old = progress.replaces
        if old and self._engine.find("GET", f"/{old}/_settings/index.uuid") is not None:
            self._hide(old, hidden=True)  # for readers by wildcard there is one of both at a time
            self._hide(index, hidden=False)
            self._engine.ask("PUT", f"/{old}/_block/write")
            self._copy(old, index, progress)
            self._engine.find("DELETE", f"/{old}")
        with closing(self._writer()) as writer:
            for rows in self._database.stored_after(progress.feed, month.start, month.end):
                settle(writer, Work(lines_for(index, rows)))
        self._hide(index, hidden=False)
        self._note(index, None)
        self._engine.ask("POST", f"/{index}/_refresh", timeout_s=300)

    def _hide(self, index: str, *, hidden: bool) -> None:
        self._engine.ask("PUT", f"/{index}/_settings", {"index": {"hidden": hidden}})

    def _copy(self, old: str, new: str, progress: Progress) -> None:
        """What was written into `old` since shortly before the start; what `new` has already stays."""
        self._engine.ask("POST", f"/{old}/_refresh", timeout_s=300)
        since = datetime.fromisoformat(progress.began_at) - _OVERLAP
        young = [
            {"range": {"_seq_no": {"gt": progress.floors.get(old, -1)}}},
            {"range": {"indexed_at": {"gte": since.isoformat()}}},
        ]
        body = {
            "conflicts": "proceed",
            "source": {"index": old, "query": {"bool": {"should": young}}, "size": 2000},
            "dest": {"index": new, "version_type": "external"},
        }
        told = self._engine.ask("POST", "/_reindex", body, timeout_s=3600, refresh="true")
        if told["failures"] or told["timed_out"]:
            raise Unavailable(
                f"OpenSearch: {len(told['failures'])} live documents of {old} were not copied; run it again"
            )


def lines_for(name: str, rows: Sequence[Row]) -> list[Line]:
    """Rows of ROW_COLUMNS as lines for the index or alias `name`."""
    now = datetime.now(UTC)
    return [line(of_row(row, now), lambda _: name) for row in rows]


def _no_month(month: Month) -> None:
    raise Unavailable(f"the generation of {month} in the making was deleted; run it again")


def settle(writer: Writer, work: Work, patience_s: float = 300.0) -> None:
    """`writer.settle`, through outages of less than `patience_s`. Raises Unavailable after that."""
    deadline, pause_s = time.monotonic() + patience_s, 0.5
    while True:
        try:
            return writer.settle(work)
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 10.0)


def _ahead(batches: Iterator[_T]) -> Iterator[_T]:
    """`batches`, the next one made in another thread while this one is worked on."""
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
