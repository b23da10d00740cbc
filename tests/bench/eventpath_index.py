"""The indexer's own rate by the raw `_bulk` of the same bytes, on the same number of threads; interleaved, medians.

    python tests/bench/eventpath_index.py    about two minutes; with a URL on a node that runs already

Ours: Avro bytes in, decoded, made into documents, posted and judged, as the consumer does it: one batch is prepared
while the one before is written. Raw: the lines that ours made, joined beforehand, posted by urllib3 and not looked at.
Both write into a new index each round, in requests of the same size. Exits 0 when the ratio is at least 0.75.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import logging
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fastavro
import structlog
import urllib3

from alpr_kafka.decoding import PlainDecoder
from alpr_kafka.interpreter import tune_interpreter
from alpr_kafka.records import Record, Refused
from alpr_schemas import codec, topics
from alpr_schemas.identity import event_id, iso
from alpr_search_indexer.catalogue import Catalogue, Shape
from alpr_search_indexer.handler import IndexHandler
from alpr_search_indexer.indices import Month, Names
from alpr_search_indexer.search_engine import SearchEngine
from alpr_search_indexer.service import TURN_S
from alpr_search_indexer.settings import OpenSearchSettings
from alpr_search_indexer.writer import Pace, Writer
from alpr_testing.opensearch import OpenSearch, running_opensearch

GOAL = 0.75
BATCH = 2000  # records, as the consumer drains them
_PREFIX = "bench-events"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_ALPHABET = "ABCDEFGHJKLMNPRSTUVXYZ0123456789"


@dataclass(frozen=True, slots=True)
class IndexRates:
    """Documents a second, a round each."""

    ours: list[float]
    raw: list[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(a / b for a, b in zip(self.ours, self.raw, strict=True))


def records(count: int, seed: int = 7) -> list[Record]:
    """`count` plate events as the outbox holds them, of 40 cameras and one month."""
    draw = random.Random(seed)
    made = []
    for n in range(count):
        at = _START + timedelta(seconds=n)
        plate = "".join(draw.choice(_ALPHABET) for _ in range(7))
        out = io.BytesIO()
        fastavro.schemaless_writer(out, codec.schema(topics.PLATES), _event(n, at, plate))
        made.append(Record(topics.PLATES, out.getvalue()))
    return made


def _event(n: int, at: datetime, plate: str) -> dict[str, object]:
    camera, identifier = f"gate-{n % 40:02d}", str(event_id(at, "north", f"gate-{n % 40}", "e", f"t-{n}"))
    return {
        "event_id": identifier, "captured_at": iso(at), "camera_id": camera, "track_id": f"t-{n}",
        "plate": {"text": plate, "normalized_text": plate, "confidence": 0.9, "region": "US-FL"},
        "vehicle": {"type": "car", "make": None, "model": None, "color": None},
        "images": {"plate_url": f"north/{at:%Y/%m/%d}/{identifier}/plate.jpg", "vehicle_url": None, "frame_url": None},
        "latency_ms": 120, "node": {"site": "north", "host": "edge-1"},
        "extras": {"roi": None, "direction": "away", "quality_score": 0.8, "frame_number": n}, "revision": 0,
        "candidates": [{"text": plate, "confidence": 0.9}], "reads": 12,
        "box": {"x1": 10.5, "y1": 20.5, "x2": 110.5, "y2": 60.5}, "first_seen_at": iso(at), "last_seen_at": iso(at),
        "resumed": False, "source_epoch": "e", "agent_id": "edge-1", "boot_id": "b1", "seq": n,
        "detector_digest": "sha256:0123456789abcdef", "reader_digest": "sha256:fedcba9876543210",
    }  # fmt: skip


def measure(url: str, events: int, rounds: int, pace: Pace) -> IndexRates:
    """`rounds` of ours and raw in turn, after one of each that is not counted: the engine compiles its code then."""
    given, rates = records(events), IndexRates([], [])
    with _tuned(), closing(SearchEngine(OpenSearchSettings(hosts=(url,)))) as engine:
        catalogue = Catalogue(engine, Names(_PREFIX), Shape())
        catalogue.install()
        bodies = list(_bodies(engine, catalogue, given, pace))
        try:
            for number in range(rounds + 1):
                ours = _ours(engine, catalogue, given, pace)
                raw = _raw(url, catalogue, bodies, events, pace)
                if number:
                    rates.ours.append(ours)
                    rates.raw.append(raw)
        finally:
            _clean(engine, catalogue)
            engine.find("DELETE", f"/_index_template/{_PREFIX}")
    return rates


@contextmanager
def _tuned() -> Iterator[None]:
    """The interpreter as the service has it; for raw too."""
    before = sys.getswitchinterval(), gc.get_threshold()
    tune_interpreter(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before[0])
        gc.set_threshold(*before[1])
        gc.unfreeze()


def _handler(engine: SearchEngine, catalogue: Catalogue, pace: Pace) -> IndexHandler:
    return IndexHandler(PlainDecoder(), Writer(engine, catalogue.make_month, pace), catalogue.names.written)


def _bodies(engine: SearchEngine, catalogue: Catalogue, given: Sequence[Record], pace: Pace) -> Iterator[bytes]:
    """What ours posts, request for request."""
    with closing(_handler(engine, catalogue, pace)) as handler:
        for at in range(0, len(given), BATCH):
            lines = handler.prepare(given[at : at + BATCH]).work.open
            size = min(pace.size, -(-len(lines) // pace.threads))
            for part in range(0, len(lines), size):
                yield b"".join(line.data for line in lines[part : part + size])


def _ours(engine: SearchEngine, catalogue: Catalogue, given: Sequence[Record], pace: Pace) -> float:
    _clean(engine, catalogue)
    catalogue.make_month(Month.of(_START))
    with closing(_handler(engine, catalogue, pace)) as handler, ThreadPoolExecutor(1) as writing:
        began, under_way = time.perf_counter(), None
        for at in range(0, len(given), BATCH):
            prepared = handler.prepare(given[at : at + BATCH])
            if under_way is not None:
                under_way.result()
            under_way = writing.submit(handler.write, prepared, {}, _none_refused)
        if under_way is not None:
            under_way.result()
        return _rate(engine, catalogue, len(given), began)


def _raw(url: str, catalogue: Catalogue, bodies: Sequence[bytes], count: int, pace: Pace) -> float:
    with closing(SearchEngine(OpenSearchSettings(hosts=(url,)))) as engine:
        _clean(engine, catalogue)
        catalogue.make_month(Month.of(_START))
        pool = urllib3.PoolManager(maxsize=pace.threads)
        headers = {"content-type": "application/x-ndjson"}

        def post(body: bytes) -> None:
            answer = pool.request("POST", f"{url}/_bulk", body=body, headers=headers)
            if answer.status != 200:
                raise RuntimeError(f"raw bulk: status {answer.status}")

        with ThreadPoolExecutor(pace.threads) as posting:
            began = time.perf_counter()
            list(posting.map(post, bodies))
            return _rate(engine, catalogue, count, began)


def _rate(engine: SearchEngine, catalogue: Catalogue, count: int, began: float) -> float:
    took = time.perf_counter() - began
    engine.ask("POST", f"/{catalogue.names.prefix}/_refresh")
    found = engine.ask("GET", f"/{catalogue.names.prefix}/_count")["count"]
    if found != count:
        raise RuntimeError(f"{found} of {count} documents are there")
    return count / took


def _none_refused(refused: Sequence[Refused]) -> None:
    if refused:
        raise RuntimeError(f"{len(refused)} refused: {refused[0].reason}")


def _clean(engine: SearchEngine, catalogue: Catalogue) -> None:
    for index in catalogue.indices():
        engine.find("DELETE", f"/{index}")


@contextmanager
def _node() -> Iterator[OpenSearch]:
    with tempfile.TemporaryDirectory(prefix="alpr-bench-") as folder, running_opensearch(Path(folder)) as node:
        yield node


def main() -> int:
    """Print the figures; 0 when the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("url", nargs="?")
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=Pace().size)
    parser.add_argument("--threads", type=int, default=Pace().threads)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with ExitStack() as running:
        url = given.url or running.enter_context(_node()).url
        rates = measure(url, given.events, given.rounds, Pace(size=given.size, threads=given.threads))
    ours, raw = statistics.median(rates.ours), statistics.median(rates.raw)
    if given.json:
        print(json.dumps({"ours": rates.ours, "raw": rates.raw, "ratio": rates.ratio, "goal": GOAL}))
    else:
        print(f"indexer {ours:,.0f}/s, raw _bulk {raw:,.0f}/s, ratio {rates.ratio:.2f} (goal {GOAL}), rounds:")
        print("  " + "  ".join(f"{a:,.0f}/{b:,.0f}" for a, b in zip(rates.ours, rates.raw, strict=True)))
    return 0 if rates.ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
