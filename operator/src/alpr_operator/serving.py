"""Probes and metrics over HTTP: /healthz, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Verdict = Callable[[], str]


@asynccontextmanager
async def served(host: str, port: int, *, health: Verdict, readiness: Verdict) -> AsyncIterator[int]:
    """Serve until the block is left; yields the port. A verdict is empty where all is well, else says what is not."""
    app = web.Application()
    app.router.add_get("/healthz", _verdict(health))
    app.router.add_get("/readyz", _verdict(readiness))
    app.router.add_get("/metrics", _metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _verdict(ask: Verdict) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        wrong = ask()
        return web.Response(status=503 if wrong else 200, text=(wrong or "ok") + "\n")

    return answer


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
