"""Agents of many nodes in one process: each follows its EdgeAssignment and reports, as a real one does, but for video.

`python -m alpr_testing.fleet KUBECONFIG NODES.json` runs one; NODES.json maps each node to its namespace. Who served
which camera, in which epoch and when, goes to `--served FILE`, a line each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from alpr_kubernetes import ApiError, Changed, Client, Listed, Object, Selection, follow, from_kubeconfig, kinds

_FIRST_WAIT_S, _REFRESH_S = 2.0, 300.0


class Agent:
    """One node's agent."""

    def __init__(self, client: Client, namespace: str, node: str, served: TextIO | None, settle_s: float) -> None:
        self._client = client
        self._namespace = namespace
        self._node = node
        self._served = served
        self._settle_s = settle_s
        self._spec: Mapping[str, Any] | None = None
        self._serving: dict[tuple[str, str, int], float] = {}
        self._changed = asyncio.Event()
        self._made: str | None = None

    async def run(self) -> None:
        """Follow and report until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._report())

    async def _follow(self) -> None:
        selection = Selection(kinds.ASSIGNMENTS, self._namespace, fields=f"metadata.name={self._node}")
        async for change in follow(self._client, selection):
            if isinstance(change, Listed):
                self._take(change.items[0]["spec"] if change.items else None)
            elif isinstance(change, Changed):
                self._take(None if change.type == "DELETED" else change.object["spec"])

    def _take(self, spec: Mapping[str, Any] | None) -> None:
        if spec == self._spec:
            return
        self._spec = spec
        now = time.time()
        wanted = {(one["name"], one.get("uid", ""), one["epoch"]) for one in (spec or {}).get("cameras") or ()}
        for key in [key for key in self._serving if key not in wanted]:
            self._tell(key, self._serving.pop(key), now)
        for key in wanted:
            self._serving.setdefault(key, now)
        self._changed.set()

    def _tell(self, key: tuple[str, str, int], since: float, until: float) -> None:
        if self._served is not None:
            name, uid, epoch = key
            line = {"node": self._node, "camera": name, "uid": uid, "epoch": epoch, "from": since, "to": until}
            self._served.write(json.dumps(line) + "\n")

    def end(self) -> None:
        """Tell what is still served."""
        for key, since in self._serving.items():
            self._tell(key, since, time.time())

    async def _report(self) -> None:
        refresh_s = _REFRESH_S
        while True:
            try:
                async with asyncio.timeout(refresh_s):
                    await self._changed.wait()
                await asyncio.sleep(self._settle_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
                # A fleet that started as one stands for agents that did not: their refreshes are spread from the first.
                refresh_s = _REFRESH_S * random.uniform(0, 1)  # noqa: S311
            except TimeoutError:
                refresh_s = _REFRESH_S * random.uniform(0.8, 1.2)  # noqa: S311
            self._changed.clear()
            if self._spec is not None:
                await self._written(self._spec)

    async def _written(self, spec: Mapping[str, Any]) -> None:
        head = self._head(spec)
        try:
            if self._made != spec.get("nodeUid"):
                await self._client.apply(kinds.REPORTS, head)
                self._made = spec.get("nodeUid")
            await self._client.apply(kinds.REPORTS, {**head, "status": self._status(spec)}, subresource="status")
        except ApiError:
            self._made = None
            await asyncio.sleep(random.uniform(0.5, 2))  # noqa: S311
            self._changed.set()

    def _head(self, spec: Mapping[str, Any]) -> Object:
        meta: dict[str, Any] = {"name": self._node, "namespace": self._namespace}
        if uid := spec.get("nodeUid"):
            meta["ownerReferences"] = [{"apiVersion": "v1", "kind": "Node", "name": self._node, "uid": uid}]
        return {"apiVersion": kinds.REPORTS.api_version, "kind": "EdgeReport", "metadata": meta}

    def _status(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        cameras = [
            {"name": one["name"], "state": "Streaming", "reason": "", "since": now} for one in spec.get("cameras") or ()
        ]
        models = {
            role: {key: value for key, value in told.items() if key in ("name", "digest", "url")}
            for role, told in (spec.get("models") or {}).items()
        }
        told = {"appliedRevision": spec["revision"], "cameras": cameras, "appliedModels": models}
        return told | ({"nodeUid": spec["nodeUid"]} if spec.get("nodeUid") else {})


async def run_fleet(kubeconfig: Path, nodes: Mapping[str, str], served: Path | None, settle_s: float) -> None:
    """Run an agent for each of `nodes` (name → namespace) until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    file = served.open("a", buffering=1) if served else None
    async with Client(from_kubeconfig(kubeconfig), "alpr-edge-agent", connections=16) as client:
        agents = [Agent(client, namespace, node, file, settle_s) for node, namespace in nodes.items()]
        tasks = [asyncio.create_task(agent.run()) for agent in agents]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for agent in agents:
            agent.end()
    if file:
        file.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    parser.add_argument("nodes", type=Path, help="JSON: node → namespace")
    parser.add_argument("--served", type=Path, help="who served what and when, a line each")
    parser.add_argument("--settle", type=float, default=_FIRST_WAIT_S, help="seconds from a change to its report")
    given = parser.parse_args()
    asyncio.run(run_fleet(given.kubeconfig, json.loads(given.nodes.read_text()), given.served, given.settle))


if __name__ == "__main__":
    main()
