from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alpr_edge_agent.outbox import SpooledImage
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.pipeline.main import Backends, run_pipeline
from alpr_edge_agent.pipeline.settings import PipelineSettings
from alpr_edge_agent.pipeline.status import CameraHealth, PipelineStatus, read_status
from alpr_schemas import codec, topics
from alpr_schemas.events import PlateEvent, VehicleEvent
from alpr_schemas.resources import CameraState


@dataclass
class Station:
    """A node's folder and what happens in it."""

    folder: Path
    backends: Backends
    settings: dict[str, Any] = field(default_factory=dict)

    def once(self) -> int:
        return run_pipeline(self._settings(once=True), threading.Event(), self.backends)

    @contextmanager
    def running(self) -> Iterator[threading.Event]:
        stop = threading.Event()
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(run_pipeline(self._settings(), stop, self.backends)))
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join(10)
        assert codes == [0]

    def _settings(self, **more: Any) -> PipelineSettings:
        return PipelineSettings(**{"data": self.folder, "metrics_port": 0, **self.settings, **more})

    def plates(self) -> list[PlateEvent]:
        return [event for event in self._events(topics.PLATES) if isinstance(event, PlateEvent)]

    def vehicles(self) -> list[VehicleEvent]:
        return [event for event in self._events(topics.VEHICLES) if isinstance(event, VehicleEvent)]

    def _events(self, topic: str) -> list[Any]:
        if not (self.folder / "outbox.db").exists():
            return []
        reader = OutboxReader(self.folder / "outbox.db")
        try:
            return [codec.decode(row.topic, row.payload) for row in reader.peek(10_000) if row.topic == topic]
        finally:
            reader.close()

    def images(self) -> list[SpooledImage]:
        reader = OutboxReader(self.folder / "outbox.db")
        try:
            return reader.images(10_000)
        finally:
            reader.close()

    def status(self) -> PipelineStatus:
        return read_status(self.folder / "pipeline-status.json")

    def camera(self, name: str) -> CameraHealth:
        return next(camera for camera in self.status().cameras if camera.name == name)

    def reaches(self, name: str, state: CameraState) -> bool:
        try:
            return self.camera(name).state is state
        except (StopIteration, OSError):
            return False


@pytest.fixture
def station(tmp_path: Path, detector: Any, reader: Any) -> Station:
    backends = Backends(open_detector=lambda _: detector, open_recognizer=lambda _: reader)
    (tmp_path / "node").mkdir()
    return Station(tmp_path / "node", backends)
