"""A watch of the API server through a line that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alpr_kubernetes import Changed, Client, Failed, Listed, Selection, follow, from_kubeconfig, kinds
from alpr_testing.control_plane import ControlPlane
from alpr_testing.fault_proxy import FaultProxy, Mode
from alpr_testing.objects import Objects

pytestmark = pytest.mark.integration
_WITHIN_S = 30.0


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[FaultProxy]:
    with FaultProxy(control_plane.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def objects(control_plane: ControlPlane) -> Iterator[Objects]:
    objects = Objects(control_plane.kubeconfig)
    yield objects
    objects.close()


@pytest.fixture
def kubeconfig(control_plane: ControlPlane, proxy: FaultProxy, namespace: str) -> Path:
    """Someone who may read ConfigMaps, through the proxy."""
    control_plane.kubectl("create", "serviceaccount", "someone", "-n", namespace)
    control_plane.kubectl(
        *("create", "role", "maps", "-n", namespace, "--verb=list,watch", "--resource=configmaps"),
    )
    account = f"--serviceaccount={namespace}:someone"
    control_plane.kubectl("create", "rolebinding", "maps", "-n", namespace, "--role=maps", account)
    return control_plane.kubeconfig_for("someone", namespace, url=f"https://127.0.0.1:{proxy.port}")


class _Seen:
    """What a watch has told so far."""

    def __init__(self) -> None:
        self.colours: dict[str, str] = {}
        self.failures = 0
        self._new = asyncio.Event()

    def take(self, change: object) -> None:
        match change:
            case Listed(items=items):
                self.colours = {one["metadata"]["name"]: one["data"]["colour"] for one in items}
            case Changed(object=told):
                self.colours[told["metadata"]["name"]] = told["data"]["colour"]
            case Failed():
                self.failures += 1
        self._new.set()

    async def until(self, colour: str) -> None:
        async with asyncio.timeout(_WITHIN_S):
            while self.colours.get("one") != colour:
                self._new.clear()
                await self._new.wait()

    async def until_failed(self) -> None:
        async with asyncio.timeout(_WITHIN_S):
            while not self.failures:
                self._new.clear()
                await self._new.wait()


@asynccontextmanager
async def _watched(kubeconfig: Path, namespace: str, silent_after_s: float) -> AsyncIterator[_Seen]:
    seen = _Seen()

    async def watch() -> None:
        async with Client(from_kubeconfig(kubeconfig), "test", timeout_s=2) as client:
            selection = Selection(kinds.CONFIG_MAPS, namespace)
            async for change in follow(client, selection, silent_after_s=silent_after_s):
                seen.take(change)

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _coloured(objects: Objects, namespace: str, colour: str) -> None:
    meta = {"name": "one", "namespace": namespace}
    objects.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"colour": colour}})


@pytest.mark.parametrize("mode", ["freeze", "refuse"])
def test_a_watch_finds_a_dead_line_and_catches_up(
    mode: Mode, objects: Objects, proxy: FaultProxy, kubeconfig: Path, namespace: str
) -> None:
    async def run() -> None:
        _coloured(objects, namespace, "red")
        async with _watched(kubeconfig, namespace, silent_after_s=1) as seen:
            await seen.until("red")
            proxy.set(mode)
            _coloured(objects, namespace, "green")
            await seen.until_failed()
            assert seen.colours == {"one": "red"}
            proxy.set("pass")
            await seen.until("green")

    asyncio.run(run())


def test_a_watch_lives_through_a_cut(objects: Objects, proxy: FaultProxy, kubeconfig: Path, namespace: str) -> None:
    async def run() -> None:
        _coloured(objects, namespace, "red")
        async with _watched(kubeconfig, namespace, silent_after_s=60) as seen:
            await seen.until("red")
            proxy.cut()
            _coloured(objects, namespace, "green")
            await seen.until("green")

    asyncio.run(run())


def test_a_slow_line_is_no_dead_one(objects: Objects, proxy: FaultProxy, kubeconfig: Path, namespace: str) -> None:
    async def run() -> None:
        proxy.set("delay", delay_s=0.2)
        _coloured(objects, namespace, "red")
        async with _watched(kubeconfig, namespace, silent_after_s=30) as seen:
            await seen.until("red")
            _coloured(objects, namespace, "green")
            await seen.until("green")
            assert seen.failures == 0

    asyncio.run(run())
