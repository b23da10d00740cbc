"""The running consumer: the kit's loop around the handler."""

from __future__ import annotations

import threading

from prometheus_client import REGISTRY, CollectorRegistry

from alpr_kafka.consumer import Consumer
from alpr_kafka.dead_letters import DeadLetters
from alpr_kafka.decoding import FramedDecoder
from alpr_kafka.producer import Producer
from alpr_kafka.registry import Registry
from alpr_kafka.service import Told
from alpr_kafka.settings import KafkaSettings, RegistrySettings
from alpr_metrics_consumer.handler import MetricsHandler
from alpr_metrics_consumer.metrics import HostFigures, Metrics
from alpr_metrics_consumer.series import Series
from alpr_metrics_consumer.settings import MetricsSettings

CONSUMER = "metrics"


def run(settings: MetricsSettings, stop: threading.Event, told: Told, registry: CollectorRegistry = REGISTRY) -> None:
    """Show figures until `stop`. Raises Misdeployed, DeadLetterFlood; outages are waited out."""
    kafka, series = KafkaSettings(), Series(settings.bounds)
    registry.register(HostFigures(series))
    with (
        Registry(RegistrySettings()) as schemas,
        Producer(kafka, client_id=f"{settings.instance_id}-letters") as producer,
    ):
        letters = DeadLetters(
            producer, schemas, consumer=CONSUMER, group=settings.group_id, topic=settings.dlq_topic
        )  # fmt: skip
        handler = MetricsHandler(FramedDecoder(schemas.schema), series, Metrics(registry))
        Consumer(settings, kafka, handler, letters.send, retries=CONSUMER, told=told).run(stop)
