from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alpr_edge_agent.errors import OutboxUnavailable
from alpr_edge_agent.frames import Box, FrameInfo
from alpr_edge_agent.outbox import SpooledImage
from alpr_edge_agent.passes.analysis import SettledPlate, VehiclePass
from alpr_edge_agent.pipeline.evidence import Album, Shot, frame_jpeg, plate_jpeg, sweep
from alpr_edge_agent.pipeline.metrics import PipelineMetrics
from alpr_edge_agent.pipeline.observations import Origin
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.pipeline.writer import Sighting, Writer
from alpr_edge_agent.sources.still import ArrayPicture
from alpr_schemas.events import PlateEvent, VehicleEvent

NOW = datetime.now(UTC)
ORIGIN = Origin("s1", "n1", "cam", "epoch", "sha256:d", "sha256:r", lane="north")
BOX = Box(100, 100, 180, 130)


class FakeOutbox:
    """Fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.events: list[PlateEvent | VehicleEvent] = []
        self.images: list[SpooledImage] = []

    def put(self, events: list[PlateEvent | VehicleEvent], images: tuple[SpooledImage, ...] = ()) -> None:
        if self.failures:
            self.failures -= 1
            raise OutboxUnavailable("outbox: database or disk is full; free some disk space")
        self.events += events
        self.images += images


def plate(track: int = 1, moment: datetime = NOW) -> SettledPlate:
    info = FrameInfo("cam", "epoch", 7, moment, 640, 360)
    return SettledPlate(track, "AB12CDE", 0.9, (("AB12CDE", 0.9),), "GB", info, BOX, 0.5, 3, moment, moment)


def vehicle(track: int = 1) -> VehiclePass:
    later = NOW + timedelta(seconds=2)
    return VehiclePass(track, NOW, later, BOX, BOX, 0.8, "towards", plate(track))


def shot() -> Shot:
    return Shot(ArrayPicture(np.full((360, 640, 3), 128, np.uint8)), BOX)


@contextmanager
def writing(outbox: FakeOutbox, folder: Path) -> Iterator[tuple[Callable[..., None], StatusBoard]]:
    board = StatusBoard()
    writer = Writer(outbox, folder, board, PipelineMetrics())

    def write(**fields: Any) -> None:
        writer.write(Sighting(ORIGIN, **{"live": True, **fields}))

    yield write, board
    assert writer.finish(10)


def test_plate_and_pass_belong_together(tmp_path: Path) -> None:
    outbox = FakeOutbox()
    with writing(outbox, tmp_path / "spool") as (write, _):
        write(plates=((plate(), shot()),))
        write(passes=(vehicle(),))
    first, second = outbox.events
    assert isinstance(first, PlateEvent)
    assert isinstance(second, VehicleEvent)
    assert second.plate_event_id == first.event_id != second.event_id
    assert second.tracking.dwell_time_seconds == 2.0
    assert first.extras is not None
    assert (first.extras.roi, first.extras.frame_number, first.reads) == ("north", 7, 3)
    assert first.images.plate_url == outbox.images[0].key


def test_full_disk_is_waited_out_and_said(tmp_path: Path) -> None:
    outbox = FakeOutbox(failures=3)
    with writing(outbox, tmp_path / "spool") as (write, board):
        write(plates=((plate(1), None),))
        write(plates=((plate(2), None),))
        while not outbox.events:
            if problems := board.problems():
                assert "free some disk space" in problems[0]
    assert [event.track_id for event in outbox.events] == ["t-1", "t-2"]
    assert board.problems() == ()


def test_reading_outlives_its_picture(tmp_path: Path) -> None:
    outbox = FakeOutbox()
    (tmp_path / "spool").mkdir()
    with writing(outbox, tmp_path / "spool") as (write, board):
        (tmp_path / "spool").rmdir()
        (tmp_path / "spool").write_text("no folder any more")
        write(plates=((plate(), shot()),))
    assert [event.event_id for event in outbox.events] != []
    assert outbox.images == []
    assert any("pictures cannot be kept" in problem for problem in board.problems())


@pytest.mark.parametrize(("live", "least", "most"), [(True, 4900, 60_000), (False, 0, 0)])
def test_latency_is_that_of_live_sources(tmp_path: Path, live: bool, least: int, most: int) -> None:  # noqa: FBT001
    outbox = FakeOutbox()
    with writing(outbox, tmp_path / "spool") as (write, _):
        write(live=live, plates=((plate(moment=datetime.now(UTC) - timedelta(seconds=5)), None),))
    assert least <= outbox.events[0].latency_ms <= most


def test_crop_at_the_edge_and_large_frames_are_cut_to_size() -> None:
    import cv2

    image = np.zeros((1080, 1920, 3), np.uint8)
    crop = cv2.imdecode(np.frombuffer(plate_jpeg(image, Box(-20, -5, 60, 20)), np.uint8), cv2.IMREAD_COLOR)
    frame = cv2.imdecode(np.frombuffer(frame_jpeg(image), np.uint8), cv2.IMREAD_COLOR)
    assert crop is not None
    assert frame is not None
    assert crop.shape[:2] == (27, 81)
    assert frame.shape[:2] == (720, 1280)


def test_album_holds_one_shot_a_track_in_view() -> None:
    album = Album()
    for _ in range(50):
        album.keep(1, shot())
        album.keep(2, shot())
    assert len(album) == 2
    album.drop(1)
    assert (len(album), album.of(1)) == (1, None)


def test_sweep_leaves_what_rows_wait_for(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    assert sweep(tmp_path, {tmp_path / "a.jpg"}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
