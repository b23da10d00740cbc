"""Requests to the API server: one session, a bounded number of connections, errors by name, and no retries.

Who calls knows whether a thing may be tried again, and when.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp

from alpr_kubernetes.connection import Connection
from alpr_kubernetes.errors import Unavailable, error_of
from alpr_kubernetes.kinds import Kind

PAGE = 500
_JSON = {"Content-Type": "application/json"}
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_MERGE = {"Content-Type": "application/merge-patch+json"}
Object = dict[str, Any]


class Observer(Protocol):
    """Is told of each request once it is over: for metrics."""

    def __call__(self, method: str, kind: Kind, status: int, took_s: float) -> None:
        """`status` is 0 where no answer came."""


class Client:
    """A session with the API server; use it as an async context manager.

    Args:
        connection: where, and as whom.
        manager: the field manager of what is applied.
        connections: at most so many at once; further requests wait.
        timeout_s: for a whole request that is no watch.
        guard: is called immediately before a write leaves; it raises where this process may not write any more.
    """

    def __init__(
        self,
        connection: Connection,
        manager: str,
        *,
        connections: int = 32,
        timeout_s: float = 15.0,
        guard: Callable[[], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.connection = connection
        self.manager = manager
        self._connections = connections
        self._slots = asyncio.Semaphore(connections)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=5)
        self._guard = guard
        self._observer = observer
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            ssl=self.connection.ssl_context() or True, limit=0, keepalive_timeout=60, enable_cleanup_closed=False
        )
        tracing = aiohttp.TraceConfig()
        tracing.on_request_chunk_sent.append(self._before_bytes)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, trace_configs=[tracing])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            for _ in range(2):  # aborted transports hear of their end in the loop's next rounds
                await asyncio.sleep(0)

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """One object. Raises NotFound and the other ApiErrors."""
        return await self.request("GET", kind, kind.path(namespace, name))

    async def pages(
        self, kind: Kind, namespace: str | None = None, *, params: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """A list, page by page: the objects and the list's resourceVersion."""
        query = {"limit": str(PAGE), **(params or {})}
        while True:
            answer = await self.request("GET", kind, kind.path(namespace), params=query)
            yield answer.get("items") or [], answer["metadata"]["resourceVersion"]
            more = answer["metadata"].get("continue")
            if not more:
                return
            query["continue"] = more

    async def identities(self, kind: Kind, *, labels: str | None = None) -> dict[tuple[str, str], str]:
        """The UID of every object of `kind`, by namespace and name: its metadata alone crosses the wire."""
        accept = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
        found: dict[tuple[str, str], str] = {}
        query = {"limit": str(PAGE), **selectors(labels)}
        while True:
            answer = await self.request("GET", kind, kind.path(), params=query, headers=accept)
            for item in answer.get("items") or ():
                meta = item["metadata"]
                found[meta.get("namespace", ""), meta["name"]] = meta["uid"]
            more = answer["metadata"].get("continue")
            if not more:
                return found
            query["continue"] = more

    async def count(self, kind: Kind) -> int:
        """How many objects of `kind` there are; one of them alone crosses the wire."""
        answer = await self.request("GET", kind, kind.path(), params={"limit": "1"})
        return len(answer.get("items") or ()) + int(answer["metadata"].get("remainingItemCount") or 0)

    async def list(
        self, kind: Kind, namespace: str | None = None, *, labels: str | None = None, fields: str | None = None
    ) -> list[Object]:
        """All objects that `labels` and `fields` select; without a namespace, of all."""
        found: list[Object] = []
        async for items, _ in self.pages(kind, namespace, params=selectors(labels, fields)):
            found += items
        return found

    async def create(self, kind: Kind, manifest: Object) -> Object:
        """Create `manifest`. Raises Conflict where it exists."""
        path = kind.path(manifest["metadata"].get("namespace"))
        return await self.request("POST", kind, path, body=manifest, headers=_JSON)

    async def replace(self, kind: Kind, manifest: Object) -> Object:
        """Put `manifest` in place of the object; its resourceVersion must be the newest. Raises Conflict."""
        meta = manifest["metadata"]
        path = kind.path(meta.get("namespace"), meta["name"])
        return await self.request("PUT", kind, path, body=manifest, headers=_JSON)

    async def apply(
        self, kind: Kind, manifest: Object, *, subresource: str | None = None, dry_run: bool = False
    ) -> Object:
        """Server-side apply by force: fields that we own become as in `manifest`, others' stay.

        A resourceVersion in the manifest makes it a condition: Conflict where another one wrote since.
        """
        meta = manifest["metadata"]
        path = kind.path(meta.get("namespace"), meta["name"], subresource)
        params = {"fieldManager": self.manager, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        return await self.request("PATCH", kind, path, params=params, body=manifest, headers=_APPLY)

    async def merge(
        self, kind: Kind, namespace: str | None, name: str, patch: Object, *, subresource: str | None = None
    ) -> Object:
        """JSON merge patch: what stands in `patch` is set, null removes, lists are replaced."""
        path = kind.path(namespace, name, subresource)
        return await self.request(
            "PATCH", kind, path, params={"fieldManager": self.manager}, body=patch, headers=_MERGE
        )

    async def delete(self, kind: Kind, namespace: str | None, name: str, *, uid: str | None = None) -> None:
        """Delete in the background; with `uid`, only that very object. Raises NotFound."""
        body: Object = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        await self.request("DELETE", kind, kind.path(namespace, name), body=body, headers=_JSON)

    async def request(
        self,
        method: str,
        kind: Kind,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        """One request and its answer as JSON. Raises an ApiError for all but success."""
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()  # YAML knows no surrogates
        async with self._slots:
            if method != "GET" and self._guard is not None:
                self._guard()
            status, content, wait = await self._sent(method, kind, path, params, data, headers or {})
        if status >= 400:
            raise error_of(status, content, wait)
        answer: Object = json.loads(content)
        return answer

    async def _before_bytes(self, _: object, __: object, sent: aiohttp.TraceRequestChunkSentParams) -> None:
        """Ask the guard once more, when the bytes are about to leave.

        A process that is stopped between the first question and this moment would else write after it goes on.
        """
        if sent.method != "GET" and self._guard is not None:
            self._guard()

    async def _sent(
        self,
        method: str,
        kind: Kind,
        path: str,
        params: Mapping[str, str] | None,
        data: bytes | None,
        headers: Mapping[str, str],
    ) -> tuple[int, bytes, str | None]:
        started, status = time.monotonic(), 0
        try:
            async with self.session.request(
                method, self.connection.server + path, params=params, data=data, headers=self._headers(headers)
            ) as answer:
                content = await answer.read()
                status = answer.status
                return status, content, answer.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            if method != "GET" and self._guard is not None:
                self._guard()  # the guard's own refusal comes as an error of the connection
            raise Unavailable(0, "NoAnswer", f"no answer from the API server ({type(e).__name__})") from e
        finally:
            if self._observer is not None:
                self._observer(method, kind, status, time.monotonic() - started)

    def stream(self, path: str, params: Mapping[str, str]) -> Any:
        """A request whose answer goes on and on, for watches: an aiohttp context manager."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        return self.session.get(
            self.connection.server + path, params=params, headers=self._headers({}), timeout=timeout, read_bufsize=2**20
        )

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session. Raises RuntimeError outside `async with`."""
        if self._session is None:
            raise RuntimeError("the client is not open: use `async with Client(…)`")
        return self._session

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": self.manager, **more}
        if self.connection.token is not None:
            headers["Authorization"] = f"Bearer {self.connection.token()}"
        return headers


def selectors(labels: str | None = None, fields: str | None = None) -> dict[str, str]:
    """Query parameters of a label and a field selector."""
    return {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
