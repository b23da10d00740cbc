"""The operator's process: claim the Lease, watch, work; end at once when another may lead."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from typing import Any

import structlog

from alpr_kubernetes import Client, Connection, Kind, connect
from alpr_operator import metrics
from alpr_operator.engine import Engine
from alpr_operator.errors import LeaseLost, WatchLost
from alpr_operator.lease import Leadership
from alpr_operator.serving import served
from alpr_operator.settings import Settings
from alpr_operator.watching import start

log = structlog.get_logger(__name__)
_LANDS_WITHIN_S = 5.0


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT.

    Raises NoConnection where there is no cluster, WatchLost where a watch is beyond help. A lost Lease ends the process
    on the spot.
    """
    # Ten thousand cameras are millions of small objects that stay: looking through all of them time and again for
    # cycles, as the defaults have it, takes a third of the start.
    gc.set_threshold(200_000, 50, 100)
    connection = connect(settings.kubeconfig)
    namespace = settings.namespace or connection.namespace
    async with Client(connection, "alpr-operator", connections=2, timeout_s=settings.lease.renew_within_s / 2) as own:
        leadership = Leadership(own, settings.lease, namespace=namespace, identity=settings.identity)
        guard = leadership.guard if settings.lease.enabled else None
        async with Client(
            connection, "alpr-operator", connections=settings.connections, guard=guard, observer=_observed
        ) as client:
            await _serve(settings, connection, Engine(settings, client), leadership)
    log.info("operator_stopped")


def _observed(method: str, kind: Kind, status: int, took_s: float) -> None:  # noqa: ARG001 - Observer's
    metrics.REQUESTS.labels(str(status or "<error>"), method).inc()
    metrics.REQUEST_TIME.labels(method).observe(took_s)


async def _serve(settings: Settings, connection: Connection, engine: Engine, leadership: Leadership) -> None:
    def leads() -> bool:
        return leadership.leads or not settings.lease.enabled

    def readiness() -> str:
        return "not everything is listed yet" if leads() and not engine.ready.is_set() else ""

    metrics.LEADS.labels(settings.lease.name).set_function(lambda: float(leads()))
    async with served(settings.listen_host, settings.listen_port, health=lambda: "", readiness=readiness) as port:
        log.info("operator_started", port=port, identity=settings.identity)
        if settings.lease.enabled and not await _acquired(leadership):
            return
        if await _led(settings, connection, engine, leadership):
            await leadership.release()


async def _acquired(leadership: Leadership) -> bool:
    """Wait for the Lease; False where a signal came first."""
    asked = _asked_to_stop()
    claim = asyncio.create_task(leadership.acquire())
    await asyncio.wait([claim, asked], return_when=asyncio.FIRST_COMPLETED)
    for task in (claim, asked):
        task.cancel()
    return claim.done() and not claim.cancelled() and claim.exception() is None


def _asked_to_stop() -> asyncio.Task[Any]:
    """Ends with SIGTERM or SIGINT."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    return asyncio.create_task(asked.wait(), name="signal")


async def _led(settings: Settings, connection: Connection, engine: Engine, leadership: Leadership) -> bool:
    """Watch, work and renew; the first that ends, ends all. What writes is stopped before what watches.

    Whether the Lease may be given back: not while a write is on its way that the next leader would not see.
    """
    landed = False
    stop = asyncio.Event()
    watching = await start(engine, connection, settings, stop)
    others: list[asyncio.Task[None]] = [asyncio.create_task(engine.run(), name="engine")]
    if settings.lease.enabled:
        others.append(asyncio.create_task(leadership.hold(), name="lease"))
    asked = _asked_to_stop()
    try:
        await asyncio.wait([watching, asked, *others], return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            if task.done():
                _raised(task)
        landed = await engine.landed(_LANDS_WITHIN_S)
    finally:
        for ending in (asked, *others):
            ending.cancel()
        await asyncio.gather(asked, *others, return_exceptions=True)
        stop.set()
    try:
        await watching
    except Exception as e:
        if asked.done() and not asked.cancelled():
            log.warning("watching_ended_badly", error=str(e))  # kopf cannot be stopped tidily amidst a list
            return landed
        raise WatchLost(f"a watch ended for good: {e}") from e
    return landed


def _raised(task: asyncio.Task[None]) -> None:
    """Pass on what ended `task`; where the Lease is lost, end the process: not even a tidy end is ours to make."""
    error = task.exception()
    if isinstance(error, LeaseLost) or (isinstance(error, BaseExceptionGroup) and error.subgroup(LeaseLost)):
        log.error("lease_lost")
        os._exit(1)
    task.result()
