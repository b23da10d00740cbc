"""Opens what the service and the commands share, as the environment says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alpr_kafka.decoding import Decoder, FramedDecoder
from alpr_kafka.producer import Producer
from alpr_kafka.registry import Registry
from alpr_kafka.settings import KafkaSettings, RegistrySettings


@contextmanager
def opened_decoder() -> Iterator[Decoder]:
    """Reads what Kafka held, by the registry's schemas; it is asked with the first record."""
    with Registry(RegistrySettings()) as registry:
        yield FramedDecoder(registry.schema)


def open_producer() -> Producer:
    """Sends to Kafka; it connects with the first record."""
    return Producer(KafkaSettings(), client_id="alpr-dlq-replay", linger_s=0.0)
