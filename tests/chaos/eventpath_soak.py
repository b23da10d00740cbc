"""The event path at a steady rate for hours: memory, handles and threads stay flat, and nothing is missing at the end.

Four agents put 200 events a second into real outboxes; their senders and the services carry them on to PostgreSQL and
OpenSearch. Every half minute each of our processes is looked at. No faults: those are `eventpath.py`'s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eventpath_world import World

_LOOK_EVERY_S = 30.0
_MAY_GROW = 3.0, 0.03
"""MiB, or a share of what it was: how much the last quarter's median may lie above the second's."""
_MAY_OPEN = 2
"""Handles and threads that the last quarter may have beyond the first half's most: connections come and go."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A process at a moment (seconds of the run): what it holds. `memory` is MiB resident."""

    at_s: float
    memory: float
    handles: int
    threads: int


@dataclass(frozen=True, slots=True)
class Course:
    """How a process fared. `slope` is MiB an hour, by least squares from the first quarter's end on."""

    name: str
    first: Sight
    last: Sight
    slope: float
    grew: float
    flat: bool

    def __str__(self) -> str:
        return (
            f"{'flat  ' if self.flat else 'GROWS '} {self.name:12} {self.first.memory:6.1f} → {self.last.memory:6.1f} MiB, "
            f"{self.slope:+6.2f} MiB/h; handles {self.first.handles} → {self.last.handles}, "
            f"threads {self.first.threads} → {self.last.threads}"
        )


def main() -> int:
    """Run, print, judge; 0 where everything is flat and nothing is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--rate", type=float, default=200.0, help="events a second")
    parser.add_argument("--folder", type=Path, help="keep everything there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="alpr-soak-") as temporary:
        return soak(given.folder or Path(temporary), given.minutes, given.rate)


def soak(folder: Path, minutes: float, rate: float) -> int:
    """The whole run."""
    with World(folder, 1, Counter()) as world:
        world.supervisor.disarm()
        world.start(rate)
        sights = watch(world, minutes * 60)
        (folder / "sights.json").write_text(
            json.dumps({name: [asdict(one) for one in seen] for name, seen in sights.items()})
        )
        world.rest(say)
        found = world.proven()
        courses = [course(name, seen) for name, seen in sorted(sights.items())]
        for line in (*courses, *(f"unexpected: {line}" for line in world.supervisor.unexpected)):
            print(line)
        print(f"{minutes:g} min at {rate:g} events/s: {found}")
        holds = found.holds and all(one.flat for one in courses) and not world.supervisor.unexpected
        enough = found.committed >= 0.98 * minutes * 60 * rate
        print(f"soak-eventpath: {'holds' if holds and enough else 'does not hold'}")
        return 0 if holds and enough else 1


def watch(world: World, for_s: float) -> dict[str, list[Sight]]:
    """Look at each process until the time is over."""
    began = time.monotonic()
    sights: dict[str, list[Sight]] = {name: [] for name in world.supervisor.names()}
    while (at := time.monotonic() - began) < for_s:
        for name, seen in sights.items():
            if (pid := world.zygote.pid(name)) is not None:
                seen.append(look(pid, at))
        if int(at / _LOOK_EVERY_S) % 20 == 0:
            resident = ", ".join(f"{name} {seen[-1].memory:.0f}" for name, seen in sights.items() if seen)
            say(f"{at / 60:.0f} min: MiB resident: {resident}")
        time.sleep(_LOOK_EVERY_S)
    return sights


def look(pid: int, at_s: float) -> Sight:
    """What /proc says."""
    folder = Path(f"/proc/{pid}")
    told = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    handles = sum(1 for _ in (folder / "fd").iterdir())
    return Sight(at_s, int(told["VmRSS"].split()[0]) / 1024, handles, int(told["Threads"]))


def course(name: str, seen: Sequence[Sight]) -> Course:
    """Judge one process: pure."""
    quarter = max(1, len(seen) // 4)
    settled, last, early = seen[quarter : 2 * quarter], seen[-quarter:], seen[: 2 * quarter]
    before = statistics.median(one.memory for one in settled)
    grew = statistics.median(one.memory for one in last) - before
    fit = statistics.linear_regression([one.at_s for one in seen[quarter:]], [one.memory for one in seen[quarter:]])
    flat = grew <= max(_MAY_GROW[0], _MAY_GROW[1] * before)
    flat &= statistics.median(one.handles for one in last) <= max(one.handles for one in early) + _MAY_OPEN
    flat &= statistics.median(one.threads for one in last) <= max(one.threads for one in early) + _MAY_OPEN
    return Course(name, seen[quarter], seen[-1], fit.slope * 3600, grew, flat)


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
