from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import FrameInfo
from alpr_edge_agent.passes.analysis import CameraAnalysis
from alpr_edge_agent.pipeline.camera_run import CameraRun, RunParts
from alpr_edge_agent.pipeline.mailbox import Mailbox
from alpr_edge_agent.pipeline.observations import Origin
from alpr_edge_agent.sources import CameraFrame
from alpr_edge_agent.sources.still import ArrayPicture
from alpr_schemas.resources import AssignedCamera

START = datetime(2026, 1, 1, tzinfo=UTC)
PICTURE = ArrayPicture(np.zeros((90, 160, 3), np.uint8))
NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
ONE = Detections(np.array([[20, 20, 80, 40]], np.float32), np.array([0.9], np.float32))


def live_run(clock: Any, reader: Any) -> CameraRun:
    source = {"protocol": "rtsp", "url": "rtsp://host/x"}
    camera = AssignedCamera.model_validate({"name": "cam", "config": {"source": source}})
    parts = RunParts(
        new_analysis=CameraAnalysis,
        origin=Origin("s1", "n1", "cam", "", "", ""),
        max_fps=None,
        motion_gate=False,
        resumed=False,
        clock=clock,
    )
    thread: Any = SimpleNamespace(source=SimpleNamespace(paced=True))
    stop = threading.Event()
    return CameraRun(camera, thread, Mailbox(threading.Event(), stop), stop, parts)


def show(run: CameraRun, number: int, found: Detections, reader: Any) -> None:
    info = FrameInfo("cam", "boot", number, START + timedelta(seconds=number / 10), 160, 90)
    frame = CameraFrame(info, PICTURE)
    assert run.wants(frame)
    assert run.analysis is not None
    info = run.numbered(info)
    wanted = run.analysis.observe(info, found)
    run.take(frame, run.analysis.absorb(info, wanted, reader.readings(len(wanted))))


class Reader:
    """Reads every plate alike."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def readings(self, count: int) -> list[Any]:
        image = np.zeros((90, 160, 3), np.uint8)
        return self._reader.read(
            [SimpleNamespace(image=image, box=SimpleNamespace(x1=20, y1=20, x2=80, y2=40))] * count
        )


def test_boxes_that_were_no_vehicle_leave_no_picture_behind(reader: Any) -> None:
    run = live_run(lambda: 0.0, reader)
    for number in range(300):
        show(run, number, ONE if number % 50 == 1 else NOTHING, Reader(reader))
    assert len(run.album) == 0


def test_silent_camera_settles_and_begins_an_epoch_of_its_own(reader: Any) -> None:
    now = [0.0]
    run = live_run(lambda: now[0], reader)
    for number in range(4):
        show(run, number, ONE, Reader(reader))
    first = run.origin.epoch
    assert not run.silent()
    now[0] = 3.5
    assert run.silent()
    sighting = run.finish()
    assert sighting is not None
    assert len(sighting.passes) == 1
    assert not run.silent()
    show(run, 50, ONE, Reader(reader))
    assert (first, run.origin.epoch) == ("boot", "boot:2")
