"""The writer: one thread that takes what settled, spools its evidence and puts it into the outbox."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from alpr_edge_agent.errors import OutboxUnavailable
from alpr_edge_agent.outbox import SpooledImage
from alpr_edge_agent.passes.analysis import SettledPlate, VehiclePass
from alpr_edge_agent.pipeline.evidence import Shot, spool
from alpr_edge_agent.pipeline.metrics import PipelineMetrics
from alpr_edge_agent.pipeline.observations import Origin, plate_event, vehicle_event
from alpr_edge_agent.pipeline.status import StatusBoard
from alpr_edge_agent.retry import full_jitter
from alpr_schemas.events import Images, PlateEvent, VehicleEvent

log = structlog.get_logger(__name__)
DEPTH = 256
RETRY_FIRST_S = 0.2
RETRY_CAP_S = 5.0


class Box(Protocol):
    """What the writer needs of the outbox."""

    def put(self, events: list[PlateEvent | VehicleEvent], images: tuple[SpooledImage, ...] = ()) -> None:
        """Store durably. Raises OutboxUnavailable."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one camera settled at one time; `live` where its times are the wall clock's."""

    origin: Origin
    live: bool
    plates: tuple[tuple[SettledPlate, Shot | None], ...] = ()
    passes: tuple[VehiclePass, ...] = ()


class Writer:
    """Keeps the order of what it is given; when the disk fails it waits, and nothing before it is lost."""

    def __init__(self, outbox: Box, folder: Path, board: StatusBoard, metrics: PipelineMetrics) -> None:
        self._outbox = outbox
        self._folder = folder
        self._board = board
        self._metrics = metrics
        self._queue: queue.Queue[Sighting | None] = queue.Queue(DEPTH)
        self._give_up_at = float("inf")
        self.failed: BaseException | None = None
        self.on_plate: Callable[[PlateEvent], None] | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def write(self, sighting: Sighting) -> None:
        """Take `sighting`; blocks while the queue is full, so that nothing is held without bound."""
        while self.failed is None:
            try:
                return self._queue.put(sighting, timeout=0.5)
            except queue.Full:
                continue
        return None

    def finish(self, within_s: float) -> bool:
        """Write all that was given, `within_s` at most; whether that succeeded."""
        self._give_up_at = time.monotonic() + within_s
        try:
            self._queue.put(None, timeout=within_s)
        except queue.Full:
            return False
        self._thread.join(max(0.0, self._give_up_at - time.monotonic()) + 0.5)
        return not self._thread.is_alive() and self.failed is None

    def _run(self) -> None:
        try:
            while (sighting := self._queue.get()) is not None:
                self._write(sighting)
        except BaseException as e:  # noqa: BLE001 - carried to the main thread, which raises it
            self.failed = e

    def _write(self, sighting: Sighting) -> None:
        plates: list[PlateEvent] = []
        images: list[SpooledImage] = []
        for plate, shot in sighting.plates:
            event, pictures = self._with_evidence(sighting, plate, shot)
            plates.append(event)
            images.extend(pictures)
        vehicles = [
            vehicle_event(sighting.origin, each, _latency(sighting, each.last_seen_at)) for each in sighting.passes
        ]
        self._put([*plates, *vehicles], tuple(images))
        self._tell(plates, vehicles)

    def _with_evidence(
        self, sighting: Sighting, plate: SettledPlate, shot: Shot | None
    ) -> tuple[PlateEvent, tuple[SpooledImage, ...]]:
        latency = _latency(sighting, plate.shot.captured_at)
        event = plate_event(sighting.origin, plate, Images(), latency)
        if shot is None:
            return event, ()
        try:
            images = spool(self._folder, event, sighting.origin.site, shot)
        except OSError as e:  # the reading matters more than its picture
            self._board.problem("evidence", f"pictures cannot be kept: {e.strerror or e}; free some disk space")
            return event, ()
        self._board.problem("evidence", None)
        keys = {image.kind: image.key for image in images}
        return event.model_copy(update={"images": Images(plate_url=keys["plate"], frame_url=keys["frame"])}), images

    def _put(self, events: list[PlateEvent | VehicleEvent], images: tuple[SpooledImage, ...]) -> None:
        for failures in itertools.count():
            try:
                self._outbox.put(events, images)
            except OutboxUnavailable as e:
                self._board.problem("outbox", str(e))
                wait_s = full_jitter(failures, RETRY_FIRST_S, RETRY_CAP_S)
                if time.monotonic() + wait_s > self._give_up_at:
                    raise
                time.sleep(wait_s)
                continue
            self._board.problem("outbox", None)
            return

    def _tell(self, plates: list[PlateEvent], vehicles: list[VehicleEvent]) -> None:
        for plate in plates:
            self._board.read_at(plate.camera_id, datetime.fromisoformat(plate.captured_at))
            self._metrics.published(plate.camera_id, "plate")
            if self.on_plate is not None:
                self.on_plate(plate)
        for vehicle in vehicles:
            self._board.count(vehicle.camera_id, passes=1, passes_read=int(vehicle.plate_event_id is not None))
            self._metrics.published(vehicle.camera_id, "vehicle")


def _latency(sighting: Sighting, captured_at: datetime) -> int:
    """Milliseconds since the light fell in; 0 for clips, whose time is not now."""
    if not sighting.live:
        return 0
    return max(0, round((datetime.now(UTC) - captured_at).total_seconds() * 1000))
