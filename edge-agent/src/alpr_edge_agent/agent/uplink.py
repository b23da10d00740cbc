"""The way out of a node: events to Kafka, pictures to the object store; each only where it is told where to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import structlog

from alpr_edge_agent.agent.bandwidth import Bandwidth
from alpr_edge_agent.agent.delivery import deliver_events, deliver_images
from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.folder import EdgeFolder
from alpr_edge_agent.outbox.reader import OutboxReader

log = structlog.get_logger(__name__)
Work = Callable[[threading.Event], None]


@dataclass(slots=True)
class Uplink:
    """What a node delivers, by name: each is run in a thread of its own until its flag is set."""

    works: dict[str, Work] = field(default_factory=dict)


@contextmanager
def uplink(settings: NodeSettings, folder: EdgeFolder) -> Iterator[Uplink]:
    """The deliveries that `settings` name; their connections last as long as the block."""
    found = Uplink()
    with ExitStack() as held:
        if settings.kafka is None:
            log.warning("events_wait", reason="KAFKA_BOOTSTRAP_SERVERS is not set: events stay in the outbox")
        else:
            found.works["events"] = _events(settings, folder, held)
        if settings.images_url is None:
            log.warning("pictures_wait", reason="ALPR_AGENT_IMAGES_URL is not set: pictures stay in the spool")
        else:
            found.works["images"] = _images(settings, settings.images_url, folder)
        yield found


def _events(settings: NodeSettings, folder: EdgeFolder, held: ExitStack) -> Work:
    from alpr_edge_agent.publish.kafka import KafkaPublisher
    from alpr_kafka.producer import Producer
    from alpr_kafka.registry import Registry
    from alpr_kafka.settings import KafkaSettings, RegistrySettings

    told = RegistrySettings()
    cached = told if told.cache_folder else told.model_copy(update={"cache_folder": folder.root / "schemas"})
    registry = held.enter_context(Registry(cached))
    producer = held.enter_context(Producer(KafkaSettings(), client_id=f"alpr-agent-{settings.node_name}"))

    def deliver(stop: threading.Event) -> None:
        publisher = KafkaPublisher(producer, registry, stop)
        try:
            publisher.warm_up()
        except DeliveryUnavailable as e:
            log.warning("not_warmed_up", reason=str(e))  # the first events wait a little longer, then
        reader = OutboxReader(folder.outbox)
        deliver_events(reader, publisher, stop, site=settings.namespace, host=settings.node_name)

    return deliver


def _images(settings: NodeSettings, url: str, folder: EdgeFolder) -> Work:
    from alpr_edge_agent.publish.objects import StoreSink
    from alpr_images.settings import ImagesSettings

    place = ImagesSettings(
        url=url,
        endpoint=settings.images_endpoint,
        region=settings.images_region,
        credentials_file=settings.images_credentials_file,
    )
    store = place.open()
    cap = Bandwidth(settings.images_bytes_per_s) if settings.images_bytes_per_s else None
    return lambda stop: deliver_images(OutboxReader(folder.outbox), StoreSink(store), stop, cap)
