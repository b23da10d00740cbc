"""Publishing to Kafka: framed by the registry's schema id, keyed by camera, acknowledged before a row may leave."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event as StopFlag
from typing import Final

from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.outbox.reader import OutboxRow
from alpr_edge_agent.outbox.writer_schema import WriterSchema, our_schema
from alpr_kafka.decoding import frame
from alpr_kafka.errors import KafkaKitError
from alpr_kafka.failpoints import reach
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.registry import Registry
from alpr_schemas import topics

END_WITHIN_S: Final = 1.5
_POLL_S: Final = 0.1


class KafkaPublisher:
    """Publishes rows of the outbox. Their bytes go out as they are; only the schema's id is put before them.

    Args:
        stop: once it is set, acknowledgements are waited for a moment only; rows without one stay in the outbox.
    """

    def __init__(self, producer: Producer, registry: Registry, stop: StopFlag | None = None) -> None:
        self._producer = producer
        self._registry = registry
        self._stop = stop or StopFlag()
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
        told: list[Exception | None] = []
        try:
            for row in rows:
                self._producer.send(self._outgoing(row), told.append)
            self._wait_for(len(rows), told)
        except KafkaKitError as e:
            raise DeliveryUnavailable(str(e)) from e
        reach("after_produce")

    def _wait_for(self, many: int, told: list[Exception | None]) -> None:
        """Each record is told of in the end: acknowledged, or given up by the client after its own time-out."""
        stopped_at: float | None = None
        while len(told) < many:
            self._producer.poll(_POLL_S)
            if self._stop.is_set():
                stopped_at = stopped_at or time.monotonic()
                if time.monotonic() - stopped_at > END_WITHIN_S:
                    raise DeliveryUnavailable("asked to end while brokers were silent; what waits, waits on")
        for error in told:
            if error is not None:
                raise error

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
