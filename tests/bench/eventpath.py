"""The event path beside its ceilings, in one run: storage, index, backlog, enqueue, wire, memory; exit 0 where all hold.

    python tests/bench/eventpath.py [--quick]    about fifteen minutes

Real servers of its own: Kafka, the registry, PostgreSQL, OpenSearch. Ratios are medians of five, interleaved.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import eventpath_edge as edge
import eventpath_index as index
import eventpath_storage as storage
from eventpath_freshness import freshness
from eventpath_kafka import Topic

from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_kafka.topics import apply
from alpr_search_indexer.writer import Pace
from alpr_storage_consumer.migrate import migrate
from alpr_testing.kafka import running_broker
from alpr_testing.opensearch import running_opensearch
from alpr_testing.postgres import temporary_server
from alpr_testing.registry import running_registry


@dataclass(frozen=True, slots=True)
class Line:
    """A figure and its bound; `least` or `most`, or neither where it is only reported."""

    name: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it keeps to its bounds."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def __str__(self) -> str:
        bound = f" (at least {self.least:g})" if self.least is not None else ""
        bound = f" (at most {self.most:g})" if self.most is not None else bound
        word = "     " if not bound else "holds" if self.holds else "MISSED"
        return f"{word:6} {self.name}: {self.value:.3g} {self.unit}{bound}"


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: to see that it runs")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="alpr-bench-") as temporary:
        folder = Path(temporary)
        lines = [*indexed(folder, quick=quick), *on_kafka(folder, quick=quick)]
    print()
    for line in lines:
        print(line)
    holds = all(line.holds for line in lines)
    print(f"bench-eventpath: {'holds' if holds else 'does not hold'}")
    return 0 if holds else 1


@contextmanager
def served(folder: Path) -> Iterator[tuple[KafkaSettings, str]]:
    """A broker with empty topics, and a registry's address."""
    with running_broker(folder / "kafka") as broker, running_registry(folder / "registry") as registry:
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap)
        apply(kafka)
        yield kafka, registry.url


def on_kafka(folder: Path, *, quick: bool) -> list[Line]:
    """What a broker is needed for; each part has its own, because it fills topics."""
    with served(folder / "edge") as (kafka, registry_url):
        lines = sent(folder / "edge", kafka.bootstrap_servers, registry_url, quick=quick)
    with served(folder / "fresh") as (kafka, registry_url), temporary_server(folder / "fresh/postgres") as dsn:
        migrate(dsn)
        say("from commit to row …")
        events = 100 if quick else 500
        fresh = freshness(folder / "fresh/run", dsn, kafka.bootstrap_servers, registry_url, events)
        lines += [Line(f"edge commit to row, p{share}", fresh.percentile(share / 100), "ms") for share in (50, 99)]
    with served(folder / "storage") as (kafka, registry_url), temporary_server(folder / "storage/postgres") as dsn:
        migrate(dsn)
        with Registry(RegistrySettings(url=registry_url)) as registry:
            return lines + stored(dsn, Topic(kafka, registry), quick=quick)


def stored(dsn: str, topic: Topic, *, quick: bool) -> list[Line]:
    """The storage consumer by raw COPY."""
    say("storage …")
    found = storage.storage_ratios(dsn, topic, count=6000 if quick else 120_000, rounds=2 if quick else 5)
    return [
        Line("storage, write stage ÷ raw COPY", found.write_to_raw, "", least=0.60),
        Line("storage, whole consumer ÷ raw COPY", found.whole_to_raw, "", least=0.35),
        Line("storage, whole consumer ÷ row at a time", found.whole_to_row_at_a_time, "", least=20),
        Line("storage, replay ÷ first pass", found.replay_to_first, "", least=2),
        Line("storage, raw COPY", found.raw_copy, "rows/s"),
        Line("storage, whole consumer", found.whole, "events/s"),
        Line("storage, row at a time", found.row_at_a_time, "events/s"),
    ]


def indexed(folder: Path, *, quick: bool) -> list[Line]:
    """The indexer by raw `_bulk`."""
    say("index …")
    with running_opensearch(folder / "opensearch") as node:
        rates = index.measure(node.url, 4000 if quick else 40_000, 2 if quick else 5, Pace())
    return [Line("index, ours ÷ raw _bulk", rates.ratio, "", least=0.75)]


def sent(folder: Path, bootstrap: str, registry_url: str, *, quick: bool) -> list[Line]:
    """The edge's share."""
    say("enqueue …")
    enqueue = edge.enqueue(folder, 200 if quick else 2000)
    say("memory …")
    rss, own = edge.delivery_memory(folder, bootstrap, registry_url)
    say("backlog …")
    events = edge.BACKLOG // 10 if quick else edge.BACKLOG
    drain = edge.backlog(folder, bootstrap, registry_url, events)
    say("the old schema …")
    old = edge.old_wire(bootstrap, 50_000)
    return [
        Line("enqueue p50 ÷ fdatasync p50", enqueue.ratio, "", most=2.5),
        Line(f"backlog of {drain.events:,} events of {drain.payload_bytes:.0f} B", drain.took_s, "s", most=60),
        Line("backlog, lost", drain.events - drain.acknowledged, "events", most=0),
        Line("on the wire after compression", drain.on_wire, "B an event"),
        Line("the same with the old schema", old, "B an event"),
        Line("delivery, resident and idle", rss, "MiB", most=60),
        Line("delivery, not shared", own, "MiB"),
    ]


def say(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
