"""From an outbox's commit to the row that a reader sees: one event at a time, through every process of the path."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg

from alpr_edge_agent.outbox import Outbox
from alpr_testing.event_load import Street

_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.0005
_WARM = 20


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds of each event."""

    took: list[float]

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` of the events did not exceed."""
        return statistics.quantiles(self.took, n=1000, method="inclusive")[round(share * 1000) - 1] * 1000


def freshness(folder: Path, dsn: str, bootstrap: str, registry_url: str, events: int) -> Freshness:
    """`events` vehicles, a tenth of a second apart on average: a lone camera's."""
    folder.mkdir()
    path = folder / "fresh.db"
    box = Outbox.open(path, agent_id="n-1", max_bytes=1 << 30)
    environment = {
        **os.environ, "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "SCHEMA_REGISTRY_URL": registry_url,
        "ALPR_DATABASE_URL": dsn, "METRICS_PORT": "0", "KAFKA_INSTANCE_ID": "bench-fresh",
    }  # fmt: skip
    with ExitStack() as running, psycopg.connect(dsn, autocommit=True) as reader:
        log = running.enter_context((folder / "log").open("wb"))
        for command in (["alpr_testing.event_sender", str(path), "n-1"], ["alpr_storage_consumer"]):
            process = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=log, stderr=log)
            running.callback(process.wait, 30)
            running.callback(process.terminate)
        street, chance, took = Street("n-1", "bench", 7), random.Random(7), []
        for _ in range(events + _WARM):
            took.append(_one(box, street, reader))
            time.sleep(chance.expovariate(10))
    box.close()
    return Freshness(took[_WARM:])


def _one(box: Outbox, street: Street, reader: psycopg.Connection) -> float:
    event = street.reading()
    box.put([event])
    began = time.perf_counter()
    query = "SELECT FROM plate_events WHERE event_id = %s AND captured_at = %s"
    while time.perf_counter() - began < _WITHIN_S:
        if reader.execute(query, (event.event_id, event.captured_at)).rowcount:
            return time.perf_counter() - began
        time.sleep(_LOOK_EVERY_S)
    raise TimeoutError(f"{event.event_id} is no row after {_WITHIN_S:g} s")
