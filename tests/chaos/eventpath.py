"""Faults upon the event path, seeded and overlapping; then the proof that nothing was lost and nothing doubled.

Four agents put invented events into real outboxes; Kafka, the registry, PostgreSQL, OpenSearch and the services carry them
on. Processes die at failpoints and by kill -9, are stopped for longer than their session, lose acknowledgements, the line,
the database, the broker; clocks jump, outboxes are full, poison comes in between. At the end everything that an outbox
ever took must be in the database once, or be a tombstone or a dead letter, by ids and by the ledger; and the index must
hold the same readings.

CHAOS_FAULTS=50 is the short form. A folder that is given (--folder) is gone on with: its outboxes, topics and tables stay.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from eventpath_world import World

FAULTS, EVENTS, MINUTES = 2000, 1_000_000, 75
_TOLD_EVERY_S = 20.0


def main() -> int:
    """Run, print the counts and the proof; 0 where it holds."""
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="alpr-chaos-") as temporary:
        return strike(given.folder or Path(temporary), given)


def arguments() -> argparse.Namespace:
    """The command line; its defaults are the long form's."""
    faults = int(os.environ.get("CHAOS_FAULTS", FAULTS))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=faults, help="at least so many that took effect")
    parser.add_argument("--events", type=int, default=EVENTS * faults // FAULTS, help="at least so many events")
    parser.add_argument("--minutes", type=float, default=max(1.0, MINUTES * faults / FAULTS), help="at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep everything there, and go on with what it holds")
    return parser.parse_args()


def strike(folder: Path, given: argparse.Namespace) -> int:
    """Until there were faults and events enough, or no time is left; then the proof."""
    book = folder / "faults.json"
    done: Counter[str] = Counter(json.loads(book.read_text()) if book.exists() else {})
    with World(folder, given.seed + done.total(), done) as world:
        began = time.monotonic()
        until = began + given.minutes * 60
        world.start(max(given.events - world.committed(), given.events / 10) / (given.minutes * 60 * 0.5))
        pace = random.Random(given.seed)
        pause = pause_s(given.minutes, given.faults - done.total())
        told_at = began
        while time.monotonic() < until and not (world.faults.total() >= given.faults and enough(world, given)):
            world.faults.strike()
            time.sleep(pace.expovariate(1 / pause))
            if time.monotonic() - told_at > _TOLD_EVERY_S:
                told_at = time.monotonic()
                book.write_text(json.dumps(done))
                say(f"{done.total()} faults, {world.committed()} events, {(until - told_at) / 60:.1f} min left at most")
        book.write_text(json.dumps(done))
        world.rest(say)
        return verdict(world, given, time.monotonic() - began)


def pause_s(minutes: float, left: int) -> float:
    """Between two faults of the scheduler; failpoints bring nearly as many again, and a kill of a server takes its time."""
    return 0.4 * minutes * 60 / max(left, 1) * 2


def enough(world: World, given: argparse.Namespace) -> bool:
    """Whether the outboxes took as many events as are wanted."""
    return world.committed() >= given.events


def verdict(world: World, given: argparse.Namespace, took_s: float) -> int:
    """Print, and say whether it holds."""
    done = world.faults.done
    found = world.proven()
    for kind, count in sorted(done.items()):
        print(f"{count:6} {kind}")
    for line in world.supervisor.unexpected[:10]:
        print(f"unexpected: {line}")
    print(f"{done.total()} faults, seed {given.seed}, {took_s / 60:.1f} min: {found}")
    asked = done.total() >= given.faults and found.committed >= given.events
    if not asked:
        print(f"asked were {given.faults} faults and {given.events} events")
    holds = found.holds and asked
    print(f"chaos-eventpath: {'holds' if holds else 'does not hold'}")
    return 0 if holds else 1


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
