"""What the pilot shows: a line a plate, annotated pictures, a CSV file, a window."""

from __future__ import annotations

import csv
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import click

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.errors import OutputError
from alpr_edge_agent.frames import BgrImage, Box, FrameInfo
from alpr_edge_agent.pilot.window import Window
from alpr_edge_agent.reading.annotate import draw, jpeg
from alpr_schemas.events import PlateEvent

EVERY = 30
COLUMNS = ("Timestamp", "Camera_ID", "Track_ID", "Plate_Text", "Confidence", "Frame_Number")


class PilotOutput:
    """A context manager; `watch` is called by the loop, `plate` by the writer's thread. Raises OutputError."""

    def __init__(self, folder: Path, *, save: bool, show: bool) -> None:
        self._folder = folder
        self._save = save
        self._looked: Counter[str] = Counter()
        self._latest: dict[str, str] = {}
        self._lock = threading.Lock()
        self._file: IO[str] | None = None
        self._csv: Any = None
        self.window = Window(folder) if show else None

    def __enter__(self) -> Self:
        if self._save:
            path = self._folder / f"plate_reads_{datetime.now(UTC):%Y%m%d_%H%M%S}.csv"
            try:
                self._file = path.open("w", newline="", encoding="utf-8")
            except OSError as e:
                raise OutputError(f"{path}: {e.strerror}; choose another --output") from e
            self._csv = csv.writer(self._file)
            self._csv.writerow(COLUMNS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def plate(self, event: PlateEvent) -> None:
        """A plate is durable: print it, and log it."""
        click.echo(f"{event.captured_at[:19]}  {event.camera_id}  {event.plate.text}  {event.plate.confidence:.2f}")
        with self._lock:
            self._latest[event.camera_id] = event.plate.text
        if self._csv is not None and self._file is not None:
            number = event.extras.frame_number if event.extras else None
            confidence = round(event.plate.confidence, 3)
            self._csv.writerow(
                (event.captured_at, event.camera_id, event.track_id, event.plate.text, confidence, number)
            )
            self._file.flush()

    def watch(self, info: FrameInfo, image: BgrImage, detections: Detections) -> None:
        """A frame was analysed: keep every 30th, and show it."""
        self._looked[info.camera] += 1
        due = self._save and self._looked[info.camera] % EVERY == 1
        if not due and self.window is None:
            return
        drawn = draw(image, self._marks(info.camera, detections))
        if due:
            (self._folder / f"{info.camera}_{info.number:06d}.jpg").write_bytes(jpeg(drawn))
        if self.window is not None:
            self.window.show(info.camera, drawn)

    def _marks(self, camera: str, detections: Detections) -> list[tuple[Box, str]]:
        with self._lock:
            latest = self._latest.get(camera, "")
        return [
            (Box(*(float(value) for value in corners)), f"{score:.2f} {latest}".strip())
            for corners, score in zip(detections.boxes, detections.scores, strict=True)
        ]
