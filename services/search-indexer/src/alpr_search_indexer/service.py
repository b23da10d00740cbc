"""The service, wired: the consumer in the caller's thread, upkeep in its own."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

import structlog
from prometheus_client import REGISTRY

from alpr_kafka.consumer import Consumer
from alpr_kafka.dead_letters import DeadLetters
from alpr_kafka.decoding import Decoder, FramedDecoder
from alpr_kafka.errors import Unavailable as KitUnavailable
from alpr_kafka.errors import Undecodable
from alpr_kafka.interpreter import tune_interpreter
from alpr_kafka.producer import Producer
from alpr_kafka.records import Record
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_search_indexer import metrics, parts
from alpr_search_indexer.aliases import OldNames
from alpr_search_indexer.catalogue import Catalogue
from alpr_search_indexer.database import Database
from alpr_search_indexer.errors import Unavailable
from alpr_search_indexer.handler import IndexHandler
from alpr_search_indexer.reconcile import Bounds, Reconciler
from alpr_search_indexer.search_engine import SearchEngine
from alpr_search_indexer.settings import IndexerSettings, OpenSearchSettings, ReconcileSettings
from alpr_search_indexer.upkeep import Task, Upkeep
from alpr_search_indexer.writer import Pace, Writer

log = structlog.get_logger(__name__)
CONSUMER = "indexer"
TURN_S = 0.0005
Told = Callable[[bool, str], None]
_LONGEST_WAIT_S = 30.0


def run(stop: threading.Event, told: Told) -> None:
    """Index until `stop`; `told` hears of ready, or not, and why.

    Raises Misdeployed (ours or the kit's), DeadLetterFlood, ValidationError for settings, and what a bug of upkeep
    raised; outages are waited out.
    """
    settings, kafka = IndexerSettings(), KafkaSettings()
    with ExitStack() as open_things:
        search, engine, catalogue, database, pace = open_things.enter_context(parts.opened())
        registry = open_things.enter_context(Registry(RegistrySettings()))
        producer = open_things.enter_context(Producer(kafka, client_id="alpr-search-indexer"))
        OldNames(REGISTRY, metrics.SOURCES)
        install(catalogue, stop, told)
        every = ReconcileSettings().every
        upkeep = Upkeep(_tasks(open_things, search, engine, catalogue, database), every, stop)
        decoder = FramedDecoder(registry.schema)
        letters = DeadLetters(
            producer, registry, consumer=CONSUMER, group=settings.group_id, topic=settings.dlq_topic,
            fields_of=lambda record: fields_of(decoder, record),
        )  # fmt: skip
        writer = Writer(engine, catalogue.make_month, pace, stop)
        handler = IndexHandler(decoder, writer, catalogue.names.written, search.keep)
        consumer = Consumer(settings, kafka, handler, letters.send, retries=CONSUMER, told=told)
        tune_interpreter(TURN_S)
        if every:
            upkeep.start()
        try:
            consumer.run(stop)
        finally:
            stop.set()
            if every:
                upkeep.join(settings.stop_within_s)
        if upkeep.fault is not None:
            raise upkeep.fault


def install(catalogue: Catalogue, stop: threading.Event, told: Told) -> None:
    """Install the template; waits as long as the search engine is away. Raises Misdeployed."""
    wait_s = 0.5
    while not stop.is_set():
        try:
            catalogue.install()
        except Unavailable as e:
            metrics.AVAILABLE.set(0)
            told(False, str(e))
            log.warning("search_engine_away", reason=str(e))
            stop.wait(random.uniform(0, wait_s))  # noqa: S311 - no secret
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        else:
            metrics.AVAILABLE.set(1)
            return


def fields_of(decoder: Decoder, record: Record) -> dict[str, str]:
    """What of a refused record may stand in its letter's metadata; {} where it cannot be read."""
    try:
        event = decoder.decode(record)
    except (Undecodable, KitUnavailable):
        return {}
    return {"event_id": str(event["event_id"])[:64], "camera_id": str(event["camera_id"])[:64]}


def _tasks(
    open_things: ExitStack, search: OpenSearchSettings, engine: SearchEngine, catalogue: Catalogue, database: Database
) -> list[tuple[str, Task]]:
    """What upkeep does; comparisons by one of several indexers at a time."""
    bounds = ReconcileSettings()
    writer = open_things.enter_context(closing(Writer(engine, catalogue.make_month, Pace(threads=1))))
    limits = Bounds(window=bounds.window, settle=bounds.settle, keep=search.keep)
    reconciler = Reconciler(engine, catalogue.names, database, writer, limits)
    tasks: list[tuple[str, Task]] = [
        ("expire", lambda now: catalogue.retire(now, search.keep)),
        ("reconcile", lambda now: database.alone("reconcile") and reconciler.compare(now, drive=True)),
    ]
    audited = parts.picture_audit(database, bounds)
    if audited is not None:
        audit, findings = audited
        open_things.enter_context(closing(findings))
        tasks.append(("pictures", lambda now: database.alone("reconcile") and audit.look(now)))
    return tasks
