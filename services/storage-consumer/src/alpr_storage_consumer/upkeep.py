"""What the service does beside storing: the ledger's gauges, and retention. On a thread and a connection of its own."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import psycopg
import structlog

from alpr_storage_consumer.errors import CannotRetain
from alpr_storage_consumer.proof import show_gauges
from alpr_storage_consumer.retention import retain

log = structlog.get_logger(__name__)
_GAUGES_EVERY_S = 30.0


class Upkeep:
    """Runs until stopped; an outage of the database is waited out."""

    def __init__(self, dsn: str, ages: dict[str, timedelta], every: timedelta | None) -> None:
        self._dsn, self._ages, self._every = dsn, ages, every

    def run(self, stop: threading.Event) -> None:
        """Block until `stop`: gauges every half minute, retention every `every`."""
        due = time.monotonic()
        while not stop.is_set():
            self._look()
            if self._every is not None and self._ages and time.monotonic() >= due:
                self._retain()
                due = time.monotonic() + self._every.total_seconds()
            stop.wait(_GAUGES_EVERY_S)

    def _look(self) -> None:
        try:
            with psycopg.connect(self._dsn, connect_timeout=5, autocommit=True) as connection:
                show_gauges(connection)
        except psycopg.Error as e:
            log.warning("ledger_not_read", error=type(e).__name__, sqlstate=e.sqlstate)

    def _retain(self) -> None:
        try:
            retain(self._dsn, self._ages)
        except CannotRetain as e:
            log.warning("retention_postponed", error=str(e))
