"""Models over a node's life, with the real ones: rolled out by digest, refused, rolled back without a source."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from alpr_edge_agent.agent import cadence
from alpr_edge_agent.agent.node import run_node
from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.models import KNOWN, default_models_dir, prepare
from alpr_edge_agent.pipeline.main import Backends
from alpr_edge_agent.trial.clip import ensure_clip
from alpr_kubernetes import Change, Changed
from alpr_schemas.resources import CameraState, Condition, EdgeReport
from alpr_testing.rtsp import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.long]
KNOWN_DIGEST = f"sha256:{KNOWN[0].sha256}"


class Orders:
    """A Cluster of ours that tells one assignment after the other, and keeps the newest report."""

    def __init__(self) -> None:
        self.report: EdgeReport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changes: asyncio.Queue[Change] = asyncio.Queue()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Orders]:
        self._loop = asyncio.get_running_loop()
        yield self

    def give(self, raw: dict[str, Any]) -> None:
        wait_until(lambda: self._loop is not None, 10, "the agent's loop")
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._changes.put_nowait, Changed("MODIFIED", raw))

    async def assignments(self) -> AsyncIterator[Change]:
        while True:
            yield await self._changes.get()

    async def assignment(self) -> dict[str, Any]:
        return {}

    async def secret(self, name: str) -> dict[str, Any]:
        raise AssertionError(name)

    async def put_report(self, report: EdgeReport) -> None:
        self.report = report

    @property
    def ready(self) -> Condition | None:
        conditions = self.report.status.conditions if self.report else ()
        return next((condition for condition in conditions if condition.type == "ModelsReady"), None)

    @property
    def runs(self) -> str | None:
        detector = self.report.status.applied_models.detector if self.report else None
        return detector.digest if detector else None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cadence, "DEBOUNCE_S", 0.1)
    monkeypatch.setattr(cadence, "GAP_S", 0.3)


@contextmanager
def agent(folder: Path, orders: Orders) -> Iterator[None]:
    stop = threading.Event()
    settings = NodeSettings(node_name="n1", namespace="yard", data=folder)
    thread = threading.Thread(target=run_node, args=(settings, stop, orders.opened))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def changed_model(path: Path, change: Callable[[onnx.ModelProto], None]) -> str:
    """The default detector with `change` in it at `path`; its digest."""
    model = onnx.load(str(prepare(KNOWN[0], default_models_dir())))
    change(model)
    path.write_bytes(model.SerializeToString())
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def renamed(model: onnx.ModelProto) -> None:
    """Another file that finds the same."""
    model.producer_name = "another"


def blinded(model: onnx.ModelProto) -> None:
    """A network of the right shape that finds nothing."""
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.ndim == 4:
            weight.CopyFrom(numpy_helper.from_array(np.zeros_like(values), weight.name))


def assignment(revision: int, clip: Path, **detector: Any) -> dict[str, Any]:
    source = {"protocol": "file", "url": clip.as_uri(), "loop": True, "realtime": True}
    spec = {
        "nodeName": "n1", "site": "s1", "revision": revision,
        "cameras": [{"name": "gate", "config": {"source": source}}],
        **({"models": {"detector": detector}} if detector else {}),
    }  # fmt: skip
    return {"metadata": {"name": "n1"}, "spec": spec}


def test_models_roll_out_and_back(station: Any, tmp_path: Path) -> None:
    clip, orders = ensure_clip(tmp_path / "clip"), Orders()
    other, blind = tmp_path / "other.onnx", tmp_path / "blind.onnx"
    other_digest, blind_digest = changed_model(other, renamed), changed_model(blind, blinded)
    station.backends = Backends()
    with agent(station.folder, orders), station.running():
        orders.give(assignment(1, clip))
        wait_until(lambda: orders.runs == KNOWN_DIGEST, 60, "the default detector")
        wait_until(lambda: orders.ready is not None and orders.ready.status == "True", 60, "its trial")
        assert orders.report is not None
        assert orders.report.status.capacity is not None
        assert orders.report.status.capacity.source == "bench"
        wait_until(lambda: station.reaches("gate", CameraState.STREAMING), 30, "the stream")
        since = station.camera("gate").since

        orders.give(assignment(2, clip, name="other", digest=other_digest, url=other.as_uri()))
        wait_until(lambda: orders.runs == other_digest, 90, "the other detector")
        wait_until(lambda: orders.ready is not None and orders.ready.status == "True", 20, "readiness")
        gates = orders.report.status.gates
        assert gates is not None
        assert gates.self_test == 1.0

        orders.give(
            assignment(3, clip, name="blind", digest=blind_digest, url=blind.as_uri(), previousDigest=other_digest)
        )
        wait_until(lambda: orders.ready is not None and orders.ready.reason == "SelfTestFailed", 90, "the refusal")
        assert orders.runs == other_digest
        assert orders.ready is not None
        assert "0% of the 18 plates" in orders.ready.message

        other.unlink()
        orders.give(assignment(4, clip, name="plate-yolov8n", digest=KNOWN_DIGEST))
        wait_until(lambda: orders.runs == KNOWN_DIGEST, 60, "the way back")
        orders.give(assignment(5, clip, name="other", digest=other_digest, url=other.as_uri()))
        wait_until(lambda: orders.runs == other_digest, 60, "the way forward, out of the node's own disk")
        wait_until(lambda: len(station.plates()) > 0, 60, "readings")
        assert station.camera("gate").since == since
    assert {path.name for path in (station.folder / "models").glob("*.onnx")} == {
        other_digest.replace(":", "-") + ".onnx"
    }
