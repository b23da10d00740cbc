"""Photos in the pipeline: read with the models for photos, each plate a settled one."""

from __future__ import annotations

from alpr_edge_agent.frames import BgrImage, FrameInfo
from alpr_edge_agent.passes.analysis import SettledPlate
from alpr_edge_agent.photos import Photo
from alpr_edge_agent.photos.reader import PhotoReader, PlateRead
from alpr_edge_agent.pipeline.evidence import Shot
from alpr_edge_agent.sources import CameraFrame


class StillReader:
    """Reads a photo as `alpr read` does; a photo shows every vehicle once, so nothing is followed."""

    def __init__(self, reader: PhotoReader) -> None:
        self._reader = reader

    def read(
        self, frame: CameraFrame, image: BgrImage, min_confidence: float
    ) -> tuple[tuple[SettledPlate, Shot | None], ...]:
        """The plates of `frame`, each with the photo as its evidence. Blocks."""
        reading = self._reader.read(Photo(image, frame.info.width, frame.info.height), frame.info.camera)
        kept = [plate for plate in reading.plates if plate.confidence >= min_confidence]
        return tuple(
            (_settled(number, plate, frame.info), Shot(frame.picture, plate.box))
            for number, plate in enumerate(kept, start=1)
        )


def _settled(number: int, plate: PlateRead, info: FrameInfo) -> SettledPlate:
    return SettledPlate(
        track=number,
        text=plate.text,
        confidence=plate.confidence,
        candidates=plate.candidates,
        region=None,
        shot=info,
        box=plate.box,
        quality=min(1.0, plate.box.width / 200.0),
        reads=1,
        first_seen_at=info.captured_at,
        last_seen_at=info.captured_at,
    )
