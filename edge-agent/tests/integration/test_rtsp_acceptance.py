"""The acceptance of RTSP with real models: two simulated streets at once, each plate once, on its own camera, in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from alpr_edge_agent.assignment import write_assignment
from alpr_edge_agent.pipeline.main import Backends
from alpr_schemas.events import PlateEvent, moment
from alpr_schemas.resources import EdgeAssignment
from alpr_simulator.clip import render
from alpr_simulator.scene import Scene
from alpr_simulator.truth import PlateSight, Truth, VehicleTruth
from alpr_testing.rtsp import RtspServer, Stream, wait_until

log = structlog.get_logger(__name__)
pytestmark = [pytest.mark.integration, pytest.mark.long]
SECONDS = 24
SEEDS = {"north": 24, "south": 27}


@dataclass(frozen=True)
class Match:
    """An event and the vehicle that stands where it says; `error_s` from when the plate was there."""

    event: PlateEvent
    vehicle: VehicleTruth
    error_s: float


def scene(seed: int) -> Scene:
    """Large plates by day: what is tested is the way, not the reader."""
    shown = {"regions": ("gb",), "hardship": 0.1, "zoom": 1.2}
    return Scene(seed=seed, seconds=SECONDS, width=1280, height=720, occupancy=0.5, vehicles=4, **shown)


def nearest(event: PlateEvent, truth: Truth, began: float) -> Match:
    """The vehicle, among those in view at about the event's time, whose plate lies nearest to the event's box."""
    assert event.box is not None
    box = event.box
    at = moment(event.captured_at).timestamp() - began

    def away(sight: PlateSight) -> float:
        ours = (box.x1, box.y1, box.x2, box.y2)
        return sum(abs(a - b) for a, b in zip(ours, sight.box, strict=True))

    sights = [(away(sight), vehicle, sight) for vehicle in truth.vehicles for sight in vehicle.sights]
    near = [each for each in sights if abs(each[2].time_s - at) < 1.0]
    _, vehicle, sight = min(near, key=lambda each: each[0])
    return Match(event, vehicle, at - sight.time_s)


def test_two_streets_at_once(station: Any, assign: Callable[..., EdgeAssignment], tmp_path: Path) -> None:
    truths = {name: render(scene(seed), tmp_path / f"{name}.mp4") for name, seed in SEEDS.items()}
    station.backends = Backends()
    streams = {f"/{name}": Stream(tmp_path / f"{name}.mp4") for name in SEEDS}
    with RtspServer.start(streams) as server:
        sources = {name: {"protocol": "rtsp", "url": server.url(f"/{name}")} for name in SEEDS}
        write_assignment(station.folder / "assignment.json", assign(**sources))
        with station.running():
            wait_until(lambda: all(len(server.runs(path)) > 1 for path in streams), SECONDS + 30, "one whole run")
        began = {name: server.runs(f"/{name}")[0] for name in SEEDS}
    events = [e for e in station.plates() if moment(e.captured_at).timestamp() - began[e.camera_id] < SECONDS]
    matches = [nearest(event, truths[event.camera_id], began[event.camera_id]) for event in events]
    for name, truth in truths.items():
        mine = [match for match in matches if match.event.camera_id == name]
        told = [(m.vehicle.text, m.event.plate.text, round(m.error_s * 1000), m.event.latency_ms) for m in mine]
        log.info("street", camera=name, truth=[v.text for v in truth.vehicles], read=told)
        assert sorted(match.vehicle.vehicle for match in mine) == sorted(v.vehicle for v in truth.vehicles)
        assert [match.event.plate.text for match in mine if match.event.plate.text != match.vehicle.text] == []
    assert max(abs(match.error_s) for match in matches) < 0.2
