"""Writes `pipeline-status.json`: on changes, and at least every two seconds, so that silence means death."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog

from alpr_edge_agent.pipeline.metrics import PipelineMetrics
from alpr_edge_agent.pipeline.status import PipelineStatus, StatusBoard
from alpr_schemas.resources import AssignedModels

log = structlog.get_logger(__name__)
EVERY_S = 2.0
AT_MOST_EVERY_S = 0.2


class StatusWriter:
    """A thread that writes what the board says."""

    def __init__(self, path: Path, board: StatusBoard, metrics: PipelineMetrics) -> None:
        self._path = path
        self._board = board
        self._metrics = metrics
        self.boot_id = ""
        self.applied_revision = 0
        self.finished = False
        self.models = AssignedModels()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write once more, and end."""
        self._stop.set()
        self._board.changed.set()
        self._thread.join(2.0)
        self.write()

    def write(self) -> None:
        """Write now. A full disk is no reason to stop: the file grows old, and that says it."""
        cameras = self._board.cameras(time.monotonic())
        for camera in cameras:
            self._metrics.fps(camera.name, camera.fps)
        status = PipelineStatus(
            applied_revision=self.applied_revision,
            boot_id=self.boot_id,
            pid=os.getpid(),
            updated_at=datetime.now(UTC),
            finished=self.finished,
            problems=self._board.problems(),
            cameras=cameras,
            models=self.models,
        )
        try:
            replace(self._path, status.model_dump_json(indent=1).encode())
        except OSError as e:
            log.warning("status_not_written", error=e.strerror)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._board.changed.clear()
            self.write()
            self._stop.wait(AT_MOST_EVERY_S)
            self._board.changed.wait(EVERY_S - AT_MOST_EVERY_S)


def replace(path: Path, data: bytes) -> None:
    """Whole or not at all to a reader, but not fsynced: it is written anew in two seconds, and flash wears out."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
