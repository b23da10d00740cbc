"""Publishing to Kafka: framed by the registry's schema id, keyed by camera, acknowledged before a row may leave."""

from __future__ import annotations

from collections.abc import Sequence

from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.outbox.reader import OutboxRow
from alpr_edge_agent.outbox.writer_schema import WriterSchema, our_schema
from alpr_kafka.decoding import frame
from alpr_kafka.errors import KafkaKitError
from alpr_kafka.failpoints import reach
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.registry import Registry
from alpr_schemas import topics


class KafkaPublisher:
    """Publishes rows of the outbox. Their bytes go out as they are; only the schema's id is put before them."""

    def __init__(self, producer: Producer, registry: Registry) -> None:
        self._producer = producer
        self._registry = registry
        self._ids: dict[tuple[str, str], int] = {}

    def warm_up(self) -> None:
        """Learn schema ids and leaders before the first event. Raises DeliveryUnavailable."""
        try:
            for topic in (topics.PLATES, topics.VEHICLES, topics.METRICS):
                self._schema_id(topic, our_schema(topic))
            self._producer.warm_up((topics.PLATES, topics.VEHICLES, topics.METRICS))
        except KafkaKitError as e:
            raise DeliveryUnavailable(str(e)) from e

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Returns when the brokers have acknowledged all rows."""
        try:
            outgoing = [self._outgoing(row) for row in rows]
            self._producer.publish(outgoing)
        except KafkaKitError as e:
            raise DeliveryUnavailable(str(e)) from e
        reach("after_produce")

    def _outgoing(self, row: OutboxRow) -> Outgoing:
        headers = (("traceparent", row.traceparent.encode()),) if row.traceparent else ()
        value = frame(self._schema_id(row.topic, row.schema), row.payload)
        return Outgoing(row.topic, value, row.key.encode(), headers, row.created_ms)

    def _schema_id(self, topic: str, writer: WriterSchema) -> int:
        """Of the schema that wrote the bytes: those of an older agent are read by theirs, never by ours."""
        known = self._ids.get((topic, writer.fingerprint))
        if known is None:
            known = self._registry.id_of(topic, writer.definition)
            self._ids[topic, writer.fingerprint] = known
        return known
