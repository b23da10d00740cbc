"""The service, wired: the consumer in the caller's thread, upkeep in its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

from alpr_kafka.consumer import Consumer
from alpr_kafka.dead_letters import DeadLetters
from alpr_kafka.decoding import Decoder, FramedDecoder
from alpr_kafka.errors import Unavailable, Undecodable
from alpr_kafka.interpreter import tune_interpreter
from alpr_kafka.producer import Producer
from alpr_kafka.records import Record
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_storage_consumer.batches import TimeWindow
from alpr_storage_consumer.handler import StorageHandler
from alpr_storage_consumer.settings import DatabaseSettings, RetentionSettings, StorageSettings
from alpr_storage_consumer.store import Patience, Store
from alpr_storage_consumer.upkeep import Upkeep

CONSUMER = "storage"
TURN_S = 0.0001
Told = Callable[[bool, str], None]


def run(settings: StorageSettings, stop: threading.Event, told: Told) -> None:
    """Store until `stop`; `told` hears of ready, or not, and why.

    Raises Misdeployed, DeadLetterFlood, and ValidationError for settings; outages are waited out.
    """
    kafka, database, retention = KafkaSettings(), DatabaseSettings(), RetentionSettings()
    with ExitStack() as open_things:
        registry = open_things.enter_context(Registry(RegistrySettings()))
        producer = open_things.enter_context(Producer(kafka, client_id="alpr-storage-consumer"))
        decoder = FramedDecoder(registry.schema)
        letters = DeadLetters(
            producer, registry, consumer=CONSUMER, group=settings.group_id, topic=settings.dlq_topic,
            fields_of=lambda record: fields_of(decoder, record),
        )  # fmt: skip
        patience = Patience(lock_s=database.lock_timeout_s, statement_s=database.statement_timeout_s)
        store = Store(database.dsn(), settings.group_id, patience)
        handler = StorageHandler(store, decoder, TimeWindow(max_age=settings.max_age))
        consumer = Consumer(settings, kafka, handler, letters.send, retries=CONSUMER, told=told)
        upkeep = Upkeep(database.dsn(), retention.by_table(), retention.every)
        thread = threading.Thread(target=upkeep.run, args=(stop,), name="upkeep", daemon=True)
        thread.start()
        tune_interpreter(TURN_S)
        try:
            consumer.run(stop)
        finally:
            stop.set()
            thread.join(settings.stop_within_s)


def fields_of(decoder: Decoder, record: Record) -> dict[str, str]:
    """What of a refused record may stand in its letter's metadata; {} where it cannot be read."""
    try:
        event = decoder.decode(record)
    except (Undecodable, Unavailable):
        return {}
    return {name: str(event[name])[:64] for name in ("event_id", "camera_id", "metric_id") if name in event}
