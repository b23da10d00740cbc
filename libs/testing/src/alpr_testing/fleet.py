"""Agents of many nodes in one process: each follows its EdgeAssignment and reports, as a real one does, but for video.

`python -m alpr_testing.fleet KUBECONFIG NODES.json` runs one until SIGTERM; NODES.json maps each node to its namespace.
Who served which camera, in which epoch and when, goes to `--served FILE`, a line each. `--behaviours FILE` maps nodes
to behaviours (see `played_agent.Behaviour`) and is read again whenever it changes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpr_kubernetes import ApiError, Changed, Client, Listed, Object, Selection, follow, from_kubeconfig, kinds
from alpr_testing.played_agent import Behaviour, PlayedAgent
from alpr_testing.served import Span

_SETTLE_S = 2.0
_LOOK_S = 0.2
# The clock of all spans: it agrees with other processes' and is never set back.
_CLOCK_AT_ZERO = time.time() - time.monotonic()


def clock_s() -> float:
    """Now, in seconds of the clock."""
    return _CLOCK_AT_ZERO + time.monotonic()


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """Which agents, and how they are watched.

    Attributes:
        nodes: node → namespace.
        settle_s: from a change to its report, and a fifth of what goes by between two reports.
        watch_each: a watch for each agent, as in a real fleet; else one for all of them.
        served: where spans are written.
    """

    kubeconfig: Path
    nodes: Mapping[str, str]
    settle_s: float = _SETTLE_S
    watch_each: bool = True
    served: Path | None = None


class Fleet:
    """The agents, while `running_fleet` lasts."""

    def __init__(self, client: Client, settings: FleetSettings, tell: Callable[[Span], None]) -> None:
        self._client = client
        self._settings = settings
        self._agents = {
            node: PlayedAgent(namespace, node, settle_s=settings.settle_s, tell=tell)
            for node, namespace in settings.nodes.items()
        }
        self._woken = {node: asyncio.Event() for node in self._agents}
        self._owners: dict[str, Object] = {}

    def behave(self, node: str, behaviour: Behaviour) -> None:
        """Have the agent of `node` behave so from now on. Raises KeyError where there is no such agent."""
        agent = self._agents[node]
        if agent.behaviour != behaviour:
            agent.behaves(behaviour, clock_s())
            self._woken[node].set()

    async def work(self) -> None:
        """Follow and report until cancelled."""
        async with asyncio.TaskGroup() as group:
            for agent in self._agents.values():
                group.create_task(self._reports(agent))
                if self._settings.watch_each:
                    group.create_task(self._follows(agent))
            if not self._settings.watch_each:
                group.create_task(self._follows_all())
            group.create_task(self._fences())

    def end(self) -> None:
        """Have all agents tell what they served until now."""
        for agent in self._agents.values():
            agent.ends(clock_s())

    async def _follows(self, agent: PlayedAgent) -> None:
        selection = Selection(kinds.ASSIGNMENTS, agent.namespace, fields=f"metadata.name={agent.node}")
        async for change in follow(self._client, selection):
            match change:
                case Listed(items=items):
                    self._hears(agent, items[0]["spec"] if items else None)
                case Changed(type=kind, object=told):
                    self._hears(agent, None if kind == "DELETED" else told["spec"])

    async def _follows_all(self) -> None:
        async for change in follow(self._client, Selection(kinds.ASSIGNMENTS)):
            match change:
                case Listed(items=items):
                    found = {_place(told): told["spec"] for told in items}
                    for agent in self._agents.values():
                        self._hears(agent, found.get((agent.namespace, agent.node)))
                case Changed(type=kind, object=told):
                    namespace, node = _place(told)
                    known = self._agents.get(node)
                    if known is not None and known.namespace == namespace:
                        self._hears(known, None if kind == "DELETED" else told["spec"])

    def _hears(self, agent: PlayedAgent, spec: Mapping[str, Any] | None) -> None:
        agent.hears(spec, clock_s())
        self._woken[agent.node].set()

    async def _fences(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            for agent in self._agents.values():
                agent.fenced(clock_s())

    async def _reports(self, agent: PlayedAgent) -> None:
        woken = self._woken[agent.node]
        while True:
            wait_s = agent.due_s() - clock_s()
            if wait_s <= 0:
                await self._write(agent)
                continue
            woken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait_s == float("inf") else wait_s):
                    await woken.wait()

    async def _write(self, agent: PlayedAgent) -> None:
        head, status = agent.head(), agent.status()
        agent.wrote(clock_s())  # what changes while this is written is a change after it
        try:
            if self._owners.get(agent.node) != head:
                await self._client.apply(kinds.REPORTS, head)
                self._owners[agent.node] = head
            await self._client.apply(kinds.REPORTS, {**head, "status": status}, subresource="status")
        except ApiError as e:
            self._owners.pop(agent.node, None)
            agent.failed(clock_s(), e.retry_after_s)


def _place(told: Object) -> tuple[str, str]:
    return told["metadata"]["namespace"], told["metadata"]["name"]


@asynccontextmanager
async def running_fleet(settings: FleetSettings) -> AsyncIterator[Fleet]:
    """Agents that work until the block is left."""
    async with Client(from_kubeconfig(settings.kubeconfig), "alpr-edge-agent", connections=16) as client:
        with (settings.served or Path(os.devnull)).open("a", buffering=1) as file:
            fleet = Fleet(client, settings, lambda span: print(span.line(), end="", file=file))
            work = asyncio.create_task(fleet.work())
            try:
                yield fleet
            finally:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                fleet.end()


def behaviours(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Behaviour]:
    """Node → behaviour, from JSON. Raises TypeError for a field that there is not."""
    return {node: _behaviour(fields) for node, fields in told.items()}


def _behaviour(fields: Mapping[str, Any]) -> Behaviour:
    states = {camera: (state, reason) for camera, (state, reason) in fields.get("states", {}).items()}
    return Behaviour(**{**fields, "states": states})


async def _run(settings: FleetSettings, file: Path | None) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with running_fleet(settings) as fleet:
        told = ""
        while not stop.is_set():
            told = _behave(fleet, settings.nodes, file, told)
            with suppress(TimeoutError):
                async with asyncio.timeout(None if file is None else _LOOK_S):
                    await stop.wait()


def _behave(fleet: Fleet, nodes: Iterable[str], file: Path | None, before: str) -> str:
    """Have all behave as `file` says, where that is not what was said before; what it says."""
    text = file.read_text() if file is not None else ""
    if text != before:
        told: Mapping[str, Behaviour] = defaultdict(Behaviour, behaviours(json.loads(text)))
        for node in nodes:
            fleet.behave(node, told[node])
    return text


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("nodes", type=Path, help="JSON: node → namespace")
    parser.add_argument("--served", type=Path, help="who served what and when, a line each")
    parser.add_argument("--settle", type=float, default=_SETTLE_S, help="seconds from a change to its report")
    parser.add_argument("--one-watch", action="store_true", help="one watch for all instead of one each")
    parser.add_argument("--behaviours", type=Path, help="JSON: node → behaviour; read again when it changes")
    given = parser.parse_args()
    nodes = json.loads(given.nodes.read_text())
    settings = FleetSettings(given.kubeconfig, nodes, given.settle, not given.one_watch, given.served)
    asyncio.run(_run(settings, given.behaviours))


if __name__ == "__main__":
    main()
