"""The running consumer: the kit's loop around the handler, and the caretaker beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry

from alpr_dlq_consumer.census import Caretaker
from alpr_dlq_consumer.handler import LettersHandler
from alpr_dlq_consumer.metrics import Metrics
from alpr_dlq_consumer.settings import LettersSettings
from alpr_dlq_consumer.store import Store
from alpr_dlq_consumer.wiring import opened_decoder
from alpr_kafka.consumer import Consumer
from alpr_kafka.database import DatabaseSettings
from alpr_kafka.errors import Misdeployed
from alpr_kafka.records import Refused
from alpr_kafka.service import Told
from alpr_kafka.settings import KafkaSettings


def run(settings: LettersSettings, stop: threading.Event, told: Told, registry: CollectorRegistry = REGISTRY) -> None:
    """Keep dead letters until `stop`. Raises Misdeployed; outages are waited out."""
    database = DatabaseSettings()
    if not database.named:
        raise Misdeployed("no database is named; set ALPR_DATABASE_URL, or DB_HOST, DB_NAME, DB_USER and DB_PASSWORD")
    dsn, metrics = database.dsn(), Metrics(registry)
    caretaker = Caretaker(
        dsn, metrics, settings.retention, settings.group_id, settings.census_every_s, largest=settings.largest_groups
    )
    with opened_decoder() as decoder, beside(caretaker.run, stop):
        handler = LettersHandler(decoder, Store(dsn, settings.group_id), metrics, topics=(settings.dlq_topic,))
        Consumer(settings, KafkaSettings(), handler, nobody_behind, told=told).run(stop)


def nobody_behind(refused: Sequence[Refused]) -> None:
    """Dead letters have no dead letters: the handler refuses none. Raises RuntimeError where it did."""
    if refused:
        raise RuntimeError(f"{len(refused)} dead letters were refused; they must be kept")


@contextmanager
def beside(work: Callable[[threading.Event], None], stop: threading.Event) -> Iterator[None]:
    """Run `work` on a thread of its own while this lasts; leaving it sets `stop`."""
    thread = threading.Thread(target=work, args=(stop,), name="caretaker")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
