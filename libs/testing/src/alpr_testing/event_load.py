"""A pipeline that sees invented vehicles: it puts plausible events into a real outbox, at a given rate, until killed.

As a process: `python -m alpr_testing.event_load OUTBOX AGENT --rate 60 --seed 7`. The outbox may have a witness: a
trigger that notes each event in the transaction that stores it, so that nothing which was committed escapes a count.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import string
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from alpr_edge_agent.errors import OutboxUnavailable
from alpr_edge_agent.outbox import Outbox
from alpr_edge_agent.outbox.schema import connect
from alpr_schemas.events import (
    Candidate,
    Extras,
    Images,
    Node,
    Plate,
    PlateEvent,
    Rectangle,
    TrackingInfo,
    Vehicle,
    VehicleEvent,
    VehicleInfo,
)
from alpr_schemas.identity import event_id, iso

CAMERAS = 5
_WITNESS = """
CREATE TABLE IF NOT EXISTS witness (event_id BLOB, topic TEXT, boot_id TEXT, seq INTEGER);
CREATE TRIGGER IF NOT EXISTS witnessed AFTER INSERT ON outbox
    BEGIN INSERT INTO witness VALUES (new.event_id, new.topic, new.boot_id, new.seq); END;
"""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """An event that an outbox took."""

    event_id: UUID
    topic: str
    boot_id: str
    seq: int


def put_witness(path: Path) -> None:
    """Have the outbox at `path`, made where it is missing, note what it takes from now on."""
    connect(path).close()
    box = sqlite3.connect(path, timeout=30)
    try:
        box.executescript(_WITNESS)
    finally:
        box.close()


def witnessed(path: Path) -> Iterator[Witnessed]:
    """All that the outbox at `path` ever took since the witness came."""
    box = sqlite3.connect(path, timeout=30)
    try:
        for key, topic, boot, seq in box.execute("SELECT event_id, topic, boot_id, seq FROM witness"):
            yield Witnessed(UUID(bytes=key), topic, boot, seq)
    finally:
        box.close()


def witnesses(path: Path) -> int:
    """How many events the outbox at `path` ever took since the witness came; quick, whatever their number."""
    box = sqlite3.connect(path, timeout=30)
    try:
        return int(box.execute("SELECT coalesce(max(rowid), 0) FROM witness").fetchone()[0])
    finally:
        box.close()


class Street:
    """Invented vehicles, the same for the same `seed`; every third one has no plate that could be read.

    Args:
        clock_s: how far the clock of this node is off, in seconds.
    """

    def __init__(self, agent: str, epoch: str, seed: int, clock_s: float = 0.0) -> None:
        self._agent = agent
        self._epoch = epoch
        self._chance = random.Random(seed)  # noqa: S311 - the seed makes a run repeatable
        self._off = timedelta(seconds=clock_s)
        self._track = 0

    def pass_by(self) -> list[PlateEvent | VehicleEvent]:
        """One vehicle: its reading, if it had one, and its pass."""
        self._track += 1
        at = datetime.now(UTC) + self._off
        camera, track = f"{self._agent}-cam-{self._chance.randrange(CAMERAS)}", f"t-{self._track}"
        reading = self._reading(at, camera, track) if self._chance.random() < 2 / 3 else None
        vehicle = self._vehicle(at, camera, track, reading)
        return [reading, vehicle] if reading else [vehicle]

    def reading(self) -> PlateEvent:
        """One vehicle whose plate was read; nothing of its pass."""
        self._track += 1
        camera = f"{self._agent}-cam-{self._chance.randrange(CAMERAS)}"
        return self._reading(datetime.now(UTC) + self._off, camera, f"t-{self._track}")

    def _plate(self) -> str:
        letters = "".join(self._chance.choices(string.ascii_uppercase, k=4))
        return (
            f"{letters[:2]}{self._chance.randrange(10, 99)}{letters[2:]}{self._chance.choice(string.ascii_uppercase)}"
        )

    def _reading(self, at: datetime, camera: str, track: str) -> PlateEvent:
        text = self._plate()
        key = str(event_id(at, "north", camera, self._epoch, track))
        folder = f"north/{at:%Y/%m/%d}/{key}"
        return PlateEvent(
            event_id=key,
            captured_at=iso(at),
            camera_id=camera,
            track_id=track,
            plate=Plate(text=text, normalized_text=text, confidence=0.93, region="GB"),
            vehicle=Vehicle(type="car"),
            images=Images(plate_url=f"{folder}/plate.jpg", frame_url=f"{folder}/frame.jpg"),
            latency_ms=140,
            node=Node(site="north", host=self._agent),
            extras=Extras(quality_score=0.7, frame_number=self._track % 10_000, direction="N"),
            candidates=(Candidate(text=text, confidence=0.93), Candidate(text=f"{text[:-1]}8", confidence=0.04)),
            reads=8,
            box=Rectangle(x1=410.5, y1=300.25, x2=530.0, y2=332.75),
            first_seen_at=iso(at - timedelta(seconds=1)),
            last_seen_at=iso(at),
            source_epoch=self._epoch,
        )

    def _vehicle(self, at: datetime, camera: str, track: str, reading: PlateEvent | None) -> VehicleEvent:
        return VehicleEvent(
            event_id=str(event_id(at, "north", camera, self._epoch, f"{track}/pass")),
            captured_at=iso(at),
            camera_id=camera,
            track_id=track,
            vehicle=VehicleInfo(bbox=Rectangle(x1=410.5, y1=300.25, x2=530.0, y2=332.75), confidence=0.9),
            tracking=TrackingInfo(first_seen_at=iso(at - timedelta(seconds=1)), last_seen_at=iso(at), direction="N"),
            node=Node(site="north", host=self._agent),
            plate_event_id=reading.event_id if reading else None,
            source_epoch=self._epoch,
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Put events until SIGTERM; a box that takes none for now is tried again."""
    given = _arguments(argv)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while (box := _opened(given)) is None:
        if stop.wait(0.2):
            return
    street = Street(given.agent, box.boot_id, given.seed, given.clock)
    due = time.monotonic()
    while not stop.is_set():
        events = street.pass_by()
        due += len(events) / given.rate
        while not stop.is_set():
            try:
                box.put(events)
            except OutboxUnavailable:
                stop.wait(0.2)
                continue
            break
        stop.wait(max(0.0, due - time.monotonic()))
    box.close()


def _opened(given: argparse.Namespace) -> Outbox | None:
    """The outbox, or None where it cannot be had now: its sender was stopped amid a transaction, for one."""
    try:
        return Outbox.open(given.outbox, agent_id=given.agent, max_bytes=given.max_bytes)
    except OutboxUnavailable:
        return None


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outbox", type=Path)
    parser.add_argument("agent")
    parser.add_argument("--rate", type=float, default=60.0, help="events a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clock", type=float, default=0.0, help="seconds that this node's clock is off")
    parser.add_argument("--max-bytes", type=int, default=1 << 30, help="bound of the outbox")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
