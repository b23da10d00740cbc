"""How close the storage consumer comes to raw COPY: ratios, in one process, interleaved, medians.

"Whole" is the service's own consumer on a real broker, from Kafka to its commit; "replay" the same topic once more.

`storage_ratios` is what `tests/bench/eventpath.py` calls. The ceiling is one COPY of prebuilt binary rows, in one
transaction, into the same table with the same indexes. Run alone: `python tests/bench/eventpath_storage.py`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from eventpath_kafka import Topic
from psycopg import sql

from alpr_kafka.decoding import PlainDecoder
from alpr_kafka.handling import Prepared
from alpr_kafka.interpreter import tune_interpreter
from alpr_kafka.records import Place, Record
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_kafka.topics import apply
from alpr_schemas import codec, topics
from alpr_schemas.identity import event_id, iso
from alpr_storage_consumer import binary_copy
from alpr_storage_consumer.batches import Work
from alpr_storage_consumer.handler import StorageHandler
from alpr_storage_consumer.migrate import migrate
from alpr_storage_consumer.rows import COLUMNS
from alpr_storage_consumer.service import TURN_S
from alpr_storage_consumer.settings import StorageSettings
from alpr_storage_consumer.store import Store
from alpr_testing.kafka import running_broker
from alpr_testing.postgres import temporary_server
from alpr_testing.readings import reading
from alpr_testing.registry import running_registry

_TABLE = "plate_events"
_NAMES = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[_TABLE]))
_START = datetime(2026, 3, 1, tzinfo=UTC)
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class StorageFigures:
    """Rows a second, medians, and their ratios."""

    rows: int
    batch: int
    raw_copy: float
    write_stage: float
    whole: float
    replay: float
    prepare: float
    row_at_a_time: float
    write_to_raw: float
    whole_to_raw: float
    whole_to_row_at_a_time: float
    replay_to_first: float


def plate_records(count: int, cameras: int = 40, partitions: int = 3) -> list[Record]:
    """Readings of one agent with `cameras` cameras, as they lie in Kafka's partitions (without the registry's frame)."""
    records, offsets = [], [0] * partitions
    for n in range(count):
        at, camera = _START + timedelta(milliseconds=37 * n), f"cam-{n % cameras:02d}"
        plate = "".join(_LETTERS[(n * k) % 23] for k in (7, 11, 13)) + f"{(n * 7919) % 10_000:04d}"
        event = reading(
            n + 1, plate, at=at, camera_id=camera, event_id=str(event_id(at, "north", camera, "epoch", f"t-{n}")),
            captured_at=iso(at), track_id=f"t-{n}",
        )  # fmt: skip
        part = n % cameras % partitions
        records.append(
            Record(topics.PLATES, codec.encode(event), Place(topics.PLATES, part), offsets[part], camera.encode())
        )
        offsets[part] += 1
    return records


def storage_ratios(dsn: str, topic: Topic, *, count: int, rounds: int = 5) -> StorageFigures:
    """Measure on the migrated database `dsn`, whose events are removed, and on `topic`, which is filled."""
    batch = StorageSettings().batch_records
    records, singles = plate_records(count), count // 20
    batches = [records[n : n + batch] for n in range(0, len(records), batch)]
    handler = StorageHandler(Store(dsn, "bench"), PlainDecoder())
    lines = [line for b in batches for line in handler.prepare(b).work.tables[topics.PLATES].lines]
    prebuilt = binary_copy.SIGNATURE + b"".join(lines) + binary_copy.TRAILER
    handler.close()
    topic.fill(records)
    tune_interpreter(
        TURN_S
    )  # once more: what the bench holds is nothing that the service's collector would walk through
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, took_s in _round(dsn, topic, batches, prebuilt, singles):
            taken.setdefault(name, []).append(took_s)
    return _figures({name: statistics.median(found) for name, found in taken.items()}, count, batch, singles)


def _round(
    dsn: str, topic: Topic, batches: Sequence[Sequence[Record]], prebuilt: bytes, singles: int
) -> Iterator[tuple[str, float]]:
    count = sum(map(len, batches))
    handler = StorageHandler(Store(dsn, "bench"), PlainDecoder())
    prepared: list[Prepared[Work]] = []
    yield "prepare", _timed(lambda: prepared.extend(handler.prepare(b) for b in batches))
    _empty(dsn)
    yield "raw", _timed(lambda: _raw_copy(dsn, prebuilt))
    _empty(dsn)
    _claim(handler, batches)
    pairs = list(zip(prepared, map(_next, batches), strict=True))
    yield "write", _timed(lambda: _write(handler, pairs))
    handler.close()
    prepared.clear()
    pairs.clear()
    _empty(dsn)
    yield "whole", topic.consumed(dsn, count, topic.group())
    yield "replay", topic.consumed(dsn, count, topic.group())
    _empty(dsn)
    yield "single", topic.row_at_a_time(dsn, singles)


def _write(handler: StorageHandler, pairs: Sequence[tuple[Prepared[Work], dict[Place, int]]]) -> None:
    for prepared, following in pairs:
        handler.write(prepared, following, _no_letters)


def _raw_copy(dsn: str, prebuilt: bytes) -> None:
    with psycopg.connect(dsn) as connection:
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(_TABLE), _NAMES)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for n in range(0, len(prebuilt), 1 << 20):
                copy.write(prebuilt[n : n + (1 << 20)])


def _empty(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE plate_events, agent_ledger, agent_boots, kafka_offsets")
        connection.execute("SELECT 1")
        connection.execute("CHECKPOINT")


def _claim(handler: StorageHandler, batches: Sequence[Sequence[Record]]) -> None:
    places = {record.place for batch in batches for record in batch if record.place}
    handler.claim(sorted(places, key=lambda p: (p.topic, p.partition)))


def _next(batch: Sequence[Record]) -> dict[Place, int]:
    return {record.place: record.offset + 1 for record in batch if record.place}


def _no_letters(refused: Sequence[object]) -> None:
    raise AssertionError(f"{len(refused)} good records were refused")


def _timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _figures(taken: dict[str, float], rows: int, batch: int, singles: int) -> StorageFigures:
    rate = {name: (singles if name == "single" else rows) / seconds for name, seconds in taken.items()}
    return StorageFigures(
        rows, batch, rate["raw"], rate["write"], rate["whole"], rate["replay"], rate["prepare"], rate["single"],
        rate["write"] / rate["raw"], rate["whole"] / rate["raw"], rate["whole"] / rate["single"],
        rate["replay"] / rate["whole"],
    )  # fmt: skip


def main() -> None:
    """Measure on servers of its own, and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 120_000
    with tempfile.TemporaryDirectory() as folder, temporary_server(Path(folder) / "postgres") as dsn:
        migrate(dsn)
        with running_broker(Path(folder) / "kafka") as broker, running_registry(Path(folder) / "registry") as registry:
            kafka = KafkaSettings(bootstrap_servers=broker.bootstrap)
            apply(kafka)
            with Registry(RegistrySettings(url=registry.url)) as asked:
                found = storage_ratios(dsn, Topic(kafka, asked), count=count)
    for name, value in asdict(found).items():
        print(f"{name:24} {value:,.2f}")


if __name__ == "__main__":
    main()
