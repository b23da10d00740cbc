"""Processes that really die: by a fault in native code, by SIGKILL, by SIGTERM."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alpr_edge_agent.assignment import write_assignment
from alpr_edge_agent.outbox.reader import OutboxReader
from alpr_edge_agent.pipeline.status import CameraHealth, read_status
from alpr_schemas import codec, topics
from alpr_schemas.events import PlateEvent
from alpr_schemas.resources import CameraState, EdgeAssignment
from alpr_testing import coloured
from alpr_testing.rtsp import wait_until

pytestmark = pytest.mark.integration
SCRIPT = Path(__file__).with_name("crashing_pipeline.py")
Assign = Callable[..., EdgeAssignment]


@contextmanager
def pipeline(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def looped(path: Path) -> dict[str, Any]:
    return {"protocol": "file", "url": path.as_uri(), "loop": True, "realtime": True}


def health(folder: Path, camera: str) -> CameraHealth | None:
    try:
        return next((one for one in read_status(folder / "pipeline-status.json").cameras if one.name == camera), None)
    except (OSError, ValueError):
        return None


def plates(folder: Path) -> list[PlateEvent]:
    if not (folder / "outbox.db").exists():
        return []
    reader = OutboxReader(folder / "outbox.db")
    try:
        rows = [row for row in reader.peek(100_000) if row.topic == topics.PLATES]
        return [event for row in rows if isinstance(event := codec.decode(row.topic, row.payload), PlateEvent)]
    finally:
        reader.close()


@pytest.fixture
def short(tmp_path: Path) -> Path:
    passes = [coloured.Passing("CYA555", 2, 14)]
    return coloured.write_clip(tmp_path / "good.mp4", passes, frames=20, fps=30)


def test_camera_that_kills_the_pipeline_is_quarantined_until_it_changes_and_the_others_go_on(
    tmp_path: Path, assign: Assign, short: Path
) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    bad = short.rename(tmp_path / "crash-me.mp4")
    good = coloured.write_clip(tmp_path / "good.mp4", [coloured.Passing("YEL444", 2, 14)], frames=20, fps=30)
    write_assignment(folder / "assignment.json", assign(bad=looped(bad), good=looped(good)))
    codes = []
    for _ in range(3):
        with pipeline(folder) as process:
            codes.append(process.wait(20))
    assert codes == [-signal.SIGSEGV] * 3
    with pipeline(folder) as process:
        before = len(plates(folder))
        wait_until(lambda: len(plates(folder)) >= before + 2, 20, "plates of the good camera")
        assert process.poll() is None
        bad_health, good_health = health(folder, "bad"), health(folder, "good")
        write_assignment(folder / "assignment.json", assign(revision=2, bad=looped(good), good=looped(good)))
        wait_until(lambda: _is(folder, "bad", CameraState.STREAMING), 10, "another clip in its place")
        seen_until_then = {plate.camera_id for plate in plates(folder)[: before + 2]}
    assert bad_health is not None
    assert good_health is not None
    assert bad_health.state is CameraState.QUARANTINED
    assert "crashed the pipeline 3 times" in bad_health.reason
    assert good_health.state is CameraState.STREAMING
    assert seen_until_then == {"good"}


def test_sigkill_charges_nobody_and_loses_nothing_committed(tmp_path: Path, assign: Assign, short: Path) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    write_assignment(folder / "assignment.json", assign(cam=looped(short)))
    rng, seen = random.Random(7), set[str]()
    for _ in range(3):
        with pipeline(folder) as process:
            before = len(plates(folder))
            wait_until(lambda before=before: len(plates(folder)) > before, 20, "a plate")
            time.sleep(rng.random() * 0.5)  # a seeded moment to die in, not a wait
            process.kill()
            process.wait()
        now = {plate.event_id for plate in plates(folder)}
        assert seen <= now
        seen = now
    with pipeline(folder) as process:
        wait_until(lambda: read_status(folder / "pipeline-status.json").pid == process.pid, 10, "its own status")
        wait_until(lambda: _is(folder, "cam", CameraState.STREAMING), 10, "streaming")
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        assert process.wait(10) == 0
        assert time.monotonic() - asked < 5
    numbers: dict[str, list[int]] = {}
    for plate in plates(folder):
        numbers.setdefault(plate.boot_id, []).append(plate.seq)
    assert len(numbers) >= 3
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
    assert _images_present(folder)


def _images_present(folder: Path) -> bool:
    reader = OutboxReader(folder / "outbox.db")
    try:
        images = reader.images(100_000)
    finally:
        reader.close()
    return bool(images) and all(image.path.stat().st_size == image.size_bytes for image in images)


def _is(folder: Path, camera: str, state: CameraState) -> bool:
    found = health(folder, camera)
    return found is not None and found.state is state
