"""What the old flags switch off: a reader that reads nothing, and an analysis that follows nothing."""

from __future__ import annotations

from collections.abc import Sequence

from alpr_edge_agent.detect import Detections
from alpr_edge_agent.frames import Box, FrameInfo
from alpr_edge_agent.passes.analysis import AnalysisSettings, Outcome, SettledPlate, Wanted
from alpr_edge_agent.passes.zones import within
from alpr_edge_agent.recognize import PlateView, Reading


class SilentReader:
    """`--no-ocr`: vehicles are followed, no plate is read."""

    digest = ""

    def read(self, views: Sequence[PlateView]) -> list[Reading | None]:
        """Nothing, for every view."""
        return [None] * len(views)


class EachFrame:
    """`--no-tracking`: every reading of every frame is one of its own; no passes."""

    active = False

    def __init__(self, settings: AnalysisSettings) -> None:
        self._settings = settings
        self._count = 0

    def observe(self, info: FrameInfo, detections: Detections) -> tuple[Wanted, ...]:
        """All plates that are wide enough and inside the zones, each under a new number."""
        counted = within(detections, (info.width, info.height), self._settings.roi, self._settings.ignore)
        boxes = [Box(*(float(value) for value in corners)) for corners in counted.boxes]
        wide = [box for box in boxes if box.width >= self._settings.min_plate_width_px]
        first = self._count + 1
        self._count += len(wide)
        return tuple(Wanted(number, box) for number, box in enumerate(wide, start=first))

    def absorb(
        self,
        info: FrameInfo,
        wanted: Sequence[Wanted],
        readings: Sequence[Reading | None],
        sharpness: Sequence[float] | None = None,
    ) -> Outcome:
        """A plate for each reading that is sure enough."""
        quality = sharpness or [0.0] * len(wanted)
        read = [
            (want, reading, sharp)
            for want, reading, sharp in zip(wanted, readings, quality, strict=True)
            if reading is not None and reading.confidence >= self._settings.min_confidence
        ]
        plates = tuple(_plate(info, want, reading, sharp) for want, reading, sharp in read)
        return Outcome(tuple((want.track, want.box) for want, _, _ in read), plates, ())

    def finish(self) -> Outcome:
        """Nothing was followed, so nothing is left."""
        return Outcome()


def _plate(info: FrameInfo, want: Wanted, reading: Reading, sharp: float) -> SettledPlate:
    return SettledPlate(
        track=want.track,
        text=reading.text,
        confidence=reading.confidence,
        candidates=reading.candidates,
        region=None,
        shot=info,
        box=want.box,
        quality=sharp,
        reads=1,
        first_seen_at=info.captured_at,
        last_seen_at=info.captured_at,
    )
