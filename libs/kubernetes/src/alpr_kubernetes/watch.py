"""Follow objects: a list, then every change, for as long as the caller wants; drops, 410 and silence are lived through.

A watch may go silent without closing (a dead NAT entry, a frozen proxy). Bookmarks come about once a minute, so a
stream without a byte for `silent_after_s` is taken for dead and opened anew from the last known resourceVersion.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from alpr_kubernetes.client import Client, Object, selectors
from alpr_kubernetes.errors import ApiError, Expired, Unavailable, error_of
from alpr_kubernetes.kinds import Kind

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that there is now; what was known and does not stand here is gone."""

    items: list[Object]


@dataclass(frozen=True, slots=True)
class Changed:
    """One object came (ADDED), changed (MODIFIED) or went (DELETED)."""

    type: str
    object: Object


@dataclass(frozen=True, slots=True)
class Failed:
    """The server could not be followed just now; `follow` tries again by itself."""

    error: ApiError


Change = Listed | Changed | Failed


@dataclass(frozen=True, slots=True)
class Selection:
    """What to follow."""

    kind: Kind
    namespace: str | None = None
    labels: str | None = None
    fields: str | None = None


async def follow(
    client: Client,
    selection: Selection,
    *,
    relist_every_s: float = 600.0,
    silent_after_s: float = 90.0,
    watch_for_s: int = 240,
) -> AsyncIterator[Change]:
    """Yield Listed first, then changes, forever; a new Listed each `relist_every_s` (± 20 %) and after a 410.

    An ApiError is yielded as Failed and tried again after 0.5 to 30 s (full jitter), or what Retry-After says.
    """
    failures = 0
    while True:
        try:
            async for change in _listed_then_watched(client, selection, relist_every_s, silent_after_s, watch_for_s):
                failures = 0
                yield change
        except Expired:
            continue
        except ApiError as e:
            failures += 1
            yield Failed(e)
            await asyncio.sleep(e.retry_after_s or _wait_s(failures))


def _wait_s(failures: int) -> float:
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**failures)
    return random.uniform(_FIRST_WAIT_S, longest)  # noqa: S311 - spreads retries, guards nothing


async def _listed_then_watched(
    client: Client, selection: Selection, relist_every_s: float, silent_after_s: float, watch_for_s: int
) -> AsyncIterator[Change]:
    items: list[Object] = []
    version = "0"
    params = selectors(selection.labels, selection.fields)
    async for page, version_now in client.pages(selection.kind, selection.namespace, params=params):
        items += page
        version = version_now
    yield Listed(items)
    relist_at = time.monotonic() + relist_every_s * random.uniform(0.8, 1.2)  # noqa: S311
    failures = 0
    while time.monotonic() < relist_at:
        query = {
            **params,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(watch_for_s),
        }
        try:
            async for event in _events(client, selection, query, silent_after_s):
                failures = 0
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    yield Changed(event["type"], event["object"])
        except Expired:
            raise
        except ApiError as e:
            failures += 1
            yield Failed(e)
            await asyncio.sleep(e.retry_after_s or _wait_s(failures))


async def _events(
    client: Client, selection: Selection, query: dict[str, str], silent_after_s: float
) -> AsyncIterator[dict[str, Any]]:
    try:
        async with asyncio.timeout(silent_after_s):  # a line may freeze before the answer begins, too
            opened = await client.stream(selection.kind.path(selection.namespace), query)
        async with opened as answer, cut_at_end(answer):
            if answer.status != 200:
                raise error_of(answer.status, await answer.read(), answer.headers.get("Retry-After"))
            async for line in _lines(answer.content, silent_after_s):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise error_of(int(event["object"].get("code") or 500), json.dumps(event["object"]).encode())
                yield event
    except (aiohttp.ClientError, TimeoutError, OSError) as e:
        raise Unavailable(0, "WatchLost", f"the watch of {selection.kind.plural} broke ({type(e).__name__})") from e


@asynccontextmanager
async def cut_at_end(answer: aiohttp.ClientResponse) -> AsyncIterator[None]:
    """End the connection of a watch at once: TLS would wait up to 30 s for a farewell that a dead line never brings."""
    try:
        yield
    finally:
        transport = answer.connection.transport if answer.connection is not None else None
        if transport is not None:
            transport.abort()


async def _lines(content: aiohttp.StreamReader, silent_after_s: float) -> AsyncIterator[bytes]:
    """Whole lines of any length; raises TimeoutError after a silence."""
    rest = b""
    while True:
        async with asyncio.timeout(silent_after_s):
            chunk = await content.readany()
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
