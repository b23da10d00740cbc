"""What the service does beside indexing, every few minutes: expire months, compare and drive, look at pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from alpr_images.errors import ImageError
from alpr_search_indexer.errors import SearchError
from alpr_search_indexer.metrics import UPKEEP_FAILURES

log = structlog.get_logger(__name__)
Task = Callable[[datetime], object]


class Upkeep:
    """Runs `tasks` by name, one after the other, every `every`; one that fails is told and comes again next time.

    A bug in a task is no such failure: it ends the process, by `stop`, and `fault` holds it.
    """

    def __init__(self, tasks: Sequence[tuple[str, Task]], every: timedelta, stop: threading.Event) -> None:
        self._tasks = tasks
        self._every_s = every.total_seconds()
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="upkeep")
        self.fault: BaseException | None = None

    def start(self) -> None:
        """Begin, with a first round at once."""
        self._thread.start()

    def join(self, within_s: float) -> None:
        """Wait until the round under way has ended; `stop` must be set."""
        self._thread.join(within_s)

    def round(self) -> None:
        """Every task once, until `stop` is set."""
        for name, task in self._tasks:
            if self._stop.is_set():
                return
            try:
                task(datetime.now(UTC))
            except (SearchError, ImageError) as e:
                UPKEEP_FAILURES.labels(name).inc()
                log.warning("upkeep_failed", task=name, reason=str(e))

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.round()
                self._stop.wait(self._every_s)
        except BaseException as e:
            log.exception("upkeep_ended")
            self.fault = e
            self._stop.set()
