"""The live feed: server-sent events, a reading each, in the order of commits, none missed and none twice.

Who follows asks the database by the last feed id it has seen (`Last-Event-ID` after a break); a notification only says
when to ask. Feed ids rise in the order of commits, because whoever stores holds one lock while it does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import psycopg
import structlog
from starlette.concurrency import run_in_threadpool

from alpr_query_api import queries
from alpr_query_api.database import Database, Row
from alpr_query_api.errors import Unavailable
from alpr_query_api.models import EventRow

CHANNEL = "alpr_events"
PAGE_ROWS = 200
HEARTBEAT_S = 10.0
LONGEST_S = 600.0  # then the browser comes again, and shows its cookie again
MOST_FOLLOWERS = 64
_AGAIN_S = 1.0
log = structlog.get_logger(__name__)


class Feed:
    """Wakes all who follow when something was stored."""

    def __init__(self, dsn: str, database: Database) -> None:
        self._dsn, self._database = dsn, database
        self._news = asyncio.Event()
        self._closed = False
        self.followers = 0

    async def listen(self) -> None:
        """Wait for notifications until cancelled; an outage of the database is waited out."""
        while not self._closed:
            try:
                connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=3)
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self._wake()
                    async for _ in connection.notifies():
                        self._wake()
            except psycopg.OperationalError:
                await asyncio.sleep(_AGAIN_S)

    def close(self) -> None:
        """End all feeds, so that the server can stop."""
        self._closed = True
        self._wake()

    async def follow(self, after: int | None, present: Callable[[Row], dict[str, object]]) -> AsyncIterator[str]:
        """Server-sent events after feed id `after` (None: from now on); ends when the database is away."""
        self.followers += 1
        try:
            with suppress(Unavailable):
                async for event in self._follow(after, present):
                    yield event
        finally:
            self.followers -= 1

    async def _follow(self, after: int | None, present: Callable[[Row], dict[str, object]]) -> AsyncIterator[str]:
        if after is None:
            newest = await run_in_threadpool(self._database.row, queries.newest_feed_id())
            after = int(newest["newest"]) if newest else 0
        yield f"retry: 2000\nid: {after}\nevent: ready\ndata: {{}}\n\n"
        ends = asyncio.get_running_loop().time() + LONGEST_S
        while not self._closed and asyncio.get_running_loop().time() < ends:
            news = self._news
            rows = await run_in_threadpool(self._database.rows, queries.after(after, PAGE_ROWS))
            for row in rows:
                after = int(row["feed_id"])
                event = EventRow.model_validate(present(row)).model_dump(mode="json")
                yield f"id: {after}\nevent: reading\ndata: {json.dumps(event)}\n\n"
            if len(rows) < PAGE_ROWS and not await _comes(news):
                yield ": still here\n\n"

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


async def _comes(news: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(news.wait(), HEARTBEAT_S)
    except TimeoutError:
        return False
    return True
