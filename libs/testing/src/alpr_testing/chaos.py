"""Kill -9 into a running `alpr up`, and the proof afterwards: what the outbox took is in the database once.

The witness is a trigger in the outbox itself: it notes every event in the transaction that stores it, so that nothing
which was committed can escape the count, however short it waited there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import psycopg

from alpr_edge_agent.outbox.schema import connect
from alpr_testing.waiting import until

TARGETS = ("pipeline", "agent", "standalone")
_MODULES = {"pipeline": ("alpr_edge_agent", "pipeline"), "agent": ("alpr_standalone.delivery",)}
_WITNESS = """
CREATE TABLE IF NOT EXISTS witness (event_id BLOB, topic TEXT);
CREATE TRIGGER IF NOT EXISTS witnessed AFTER INSERT ON outbox
    BEGIN INSERT INTO witness VALUES (new.event_id, new.topic); END;
"""
_STARTED_WITHIN_S = 90.0
_DELIVERED_WITHIN_S = 120.0


@dataclass(slots=True)
class KillReport:
    """What happened, and what is left to say.

    Attributes:
        committed, stored: event ids that the outbox took and that the database holds.
        pictures_missing: keys that events name and the store has not.
        resumed: events flagged as such; a vehicle in view at a kill may have one further event.
    """

    kills: Counter[str] = field(default_factory=Counter)
    committed: set[str] = field(default_factory=set)
    stored: list[str] = field(default_factory=list)
    pictures: int = 0
    pictures_missing: list[str] = field(default_factory=list)
    resumed: int = 0
    took_s: float = 0.0

    @property
    def lost(self) -> set[str]:
        """Committed and not stored."""
        return self.committed - set(self.stored)

    @property
    def doubled(self) -> int:
        """Rows beyond one an event."""
        return len(self.stored) - len(set(self.stored))

    @property
    def unknown(self) -> set[str]:
        """Stored and never committed: that would be invented."""
        return set(self.stored) - self.committed

    @property
    def holds(self) -> bool:
        """Whether everything is in its place, and there was something to lose."""
        return bool(self.committed) and not (self.lost or self.doubled or self.unknown or self.pictures_missing)

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {self.kills[name]}" for name in TARGETS)
        return (
            f"kills {self.kills.total()} ({kills}); committed {len(self.committed)}, lost {len(self.lost)}, "
            f"doubled {self.doubled}, invented {len(self.unknown)}; pictures {self.pictures}, "
            f"missing {len(self.pictures_missing)}; resumed {self.resumed}; {self.took_s:.0f} s"
        )


class Upped:
    """An `alpr up` in a process of its own, that may be killed and started again."""

    def __init__(self, data: Path, manifests: Path, port: int) -> None:
        self.data = data
        self._argv = [sys.executable, "-m", "alpr_cli", "up", "-f", str(manifests), "--data", str(data)]
        self._argv += ["--port", str(port), "--metrics-port", "0"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until the pipeline has its outbox open and the database answers."""
        (self.data / "edge" / "pipeline-status.json").unlink(missing_ok=True)
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "up.out").open("ab") as out:
            self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        until((self.data / "edge" / "pipeline-status.json").exists, _STARTED_WITHIN_S, "the pipeline's start")

    def kill(self, target: str) -> bool:
        """Kill -9 one process of this group; False where it was not there to be killed."""
        pid = self._process.pid if target == "standalone" and self._process else self._child(target)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        if target == "standalone" and self._process:
            self._process.wait(30)
        return True

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)

    def _child(self, target: str) -> int | None:
        assert self._process is not None  # noqa: S101 - killed only after a start
        listed = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        children = [int(word) for word in listed.read_text().split()] if listed.exists() else []
        return next((pid for pid in children if _is(pid, _MODULES[target])), None)


def _is(pid: int, words: tuple[str, ...]) -> bool:
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return False
    return all(word in argv for word in words)


def kill_many(
    upped: Upped, kills: int, seed: int, pause_s: tuple[float, float], tell: Callable[[str], None]
) -> KillReport:
    """Start, kill `kills` times at seeded moments, let everything be delivered, and compare."""
    chance = random.Random(seed)  # noqa: S311 - the seed makes a run repeatable
    report, began = KillReport(), time.monotonic()
    upped.start()
    witness(upped.data)
    while report.kills.total() < kills:
        Event().wait(chance.uniform(*pause_s))
        target = chance.choice(TARGETS)
        if not upped.kill(target):
            continue
        report.kills[target] += 1
        tell(f"kill {report.kills.total()}/{kills}: {target}")
        if target == "standalone":
            upped.start()
    Event().wait(pause_s[1])
    until(lambda: settled(upped.data), _DELIVERED_WITHIN_S, "the last deliveries")
    compare(upped.data, report)
    upped.stop()
    report.took_s = time.monotonic() - began
    return report


def witness(data: Path) -> None:
    """Have the outbox of `data` note every event that it takes from now on, and what waits in it."""
    connect(data / "edge" / "outbox.db").close()  # makes the tables where the pipeline has not come to it yet
    with sqlite3.connect(data / "edge" / "outbox.db", timeout=30) as box:
        box.executescript(_WITNESS)
        box.execute(
            "INSERT INTO witness SELECT event_id, topic FROM outbox"
            " WHERE event_id NOT IN (SELECT event_id FROM witness)"
        )
    box.close()


def settled(data: Path) -> bool:
    """Nothing waits, at a moment when the pipeline is between two events."""
    box = sqlite3.connect(data / "edge" / "outbox.db", timeout=30)
    try:
        waiting = box.execute("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM images)").fetchone()
    finally:
        box.close()
    return bool(waiting == (0,))


def compare(data: Path, report: KillReport) -> None:
    """Fill `report` from outbox, database and store of a running `alpr up`, both sides at one moment."""
    address = json.loads((data / "running.json").read_text())
    box = sqlite3.connect(data / "edge" / "outbox.db", timeout=30)
    box.execute("BEGIN IMMEDIATE")
    try:
        waiting = {row[0].hex() for row in box.execute("SELECT event_id FROM outbox")}
        report.committed = {row[0].hex() for row in box.execute("SELECT event_id FROM witness")} - waiting
        unsent = {row[0] for row in box.execute("SELECT key FROM images")}
        with psycopg.connect(address["database_url"]) as database:
            _read_database(database, data / "images", unsent, report)
        report.stored = [i for i in report.stored if i not in waiting]
    finally:
        box.execute("ROLLBACK")
        box.close()


def _read_database(database: psycopg.Connection, images: Path, unsent: set[str], report: KillReport) -> None:
    report.stored = [
        row[0].hex
        for table in ("plate_events", "vehicle_events")
        for row in database.execute(f"SELECT event_id FROM {table}")  # noqa: S608 - two names of ours
    ]
    counted = database.execute("SELECT count(*) FROM plate_events WHERE resumed").fetchone()
    report.resumed = int(counted[0]) if counted else 0
    keys = database.execute("SELECT unnest(ARRAY[plate_image_url, frame_image_url]) FROM plate_events").fetchall()
    named = [row[0] for row in keys if row[0]]
    report.pictures = len(named)
    report.pictures_missing = [key for key in named if key not in unsent and not (images / key).exists()]
