"""From what an analysis settled to the events of the contract: pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alpr_edge_agent.frames import Box
from alpr_edge_agent.passes.analysis import SettledPlate, VehiclePass
from alpr_schemas.events import (
    Candidate,
    Extras,
    Images,
    Node,
    Plate,
    PlateEvent,
    Rectangle,
    TrackingInfo,
    VehicleEvent,
    VehicleInfo,
)
from alpr_schemas.identity import event_id, iso

MAX_TEXT = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """What all events of one camera's epoch share.

    Attributes:
        resumed_before: tracks that began before this time may continue one that an unclean stop cut off.
        lane: the name that the camera's configuration gives to what it looks at.
    """

    site: str
    host: str
    camera: str
    epoch: str
    detector_digest: str
    reader_digest: str
    lane: str | None = None
    resumed_before: datetime | None = None

    def plate_event_id(self, plate: SettledPlate) -> str:
        """The id of `plate`'s event."""
        track = track_name(plate.track)
        return str(event_id(plate.shot.captured_at, self.site, self.camera, self.epoch, track))

    def vehicle_event_id(self, vehicle: VehiclePass) -> str:
        """The id of a pass; another one than its plate's, also where both fall on one frame."""
        track = f"{track_name(vehicle.track)}:pass"
        return str(event_id(vehicle.last_seen_at, self.site, self.camera, self.epoch, track))

    def resumed(self, first_seen_at: datetime) -> bool:
        """Whether a track that began then may be the second half of one that was cut off."""
        return self.resumed_before is not None and first_seen_at < self.resumed_before


def track_name(track: int) -> str:
    """A track as events name it."""
    return f"t-{track}"


def plate_event(origin: Origin, plate: SettledPlate, images: Images, latency_ms: int) -> PlateEvent:
    """The one event of a vehicle's plate."""
    text = plate.text[:MAX_TEXT]
    return PlateEvent(
        event_id=origin.plate_event_id(plate),
        captured_at=iso(plate.shot.captured_at),
        camera_id=origin.camera,
        track_id=track_name(plate.track),
        plate=Plate(text=text, normalized_text=text, confidence=_share(plate.confidence), region=plate.region),
        images=images,
        latency_ms=latency_ms,
        node=Node(site=origin.site, host=origin.host),
        extras=Extras(roi=origin.lane, quality_score=_share(plate.quality), frame_number=plate.shot.number),
        candidates=tuple(Candidate(text=t[:MAX_TEXT], confidence=_share(p)) for t, p in plate.candidates),
        reads=plate.reads,
        box=_rectangle(plate.box),
        first_seen_at=iso(plate.first_seen_at),
        last_seen_at=iso(plate.last_seen_at),
        detector_digest=origin.detector_digest,
        reader_digest=origin.reader_digest,
        source_epoch=origin.epoch,
        resumed=origin.resumed(plate.first_seen_at),
    )


def vehicle_event(origin: Origin, vehicle: VehiclePass, latency_ms: int) -> VehicleEvent:
    """A vehicle's whole pass; its time is the last sight of it."""
    plate = vehicle.plate
    return VehicleEvent(
        event_id=origin.vehicle_event_id(vehicle),
        captured_at=iso(vehicle.last_seen_at),
        camera_id=origin.camera,
        track_id=track_name(vehicle.track),
        vehicle=VehicleInfo(bbox=_rectangle(vehicle.last_box), confidence=_share(vehicle.score)),
        tracking=TrackingInfo(
            direction=vehicle.direction,
            dwell_time_seconds=round(vehicle.dwell_s, 3),
            first_seen_at=iso(vehicle.first_seen_at),
            last_seen_at=iso(vehicle.last_seen_at),
        ),
        latency_ms=latency_ms,
        node=Node(site=origin.site, host=origin.host),
        plate_event_id=origin.plate_event_id(plate) if plate else None,
        source_epoch=origin.epoch,
        resumed=origin.resumed(vehicle.first_seen_at),
    )


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)


def _rectangle(box: Box) -> Rectangle:
    return Rectangle(x1=round(box.x1, 1), y1=round(box.y1, 1), x2=round(box.x2, 1), y2=round(box.y2, 1))
