"""Publishing to Kafka: framed by the registry's schema id, keyed by camera, acknowledged before a row may leave."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event as StopFlag
from typing import Final

import structlog

from alpr_edge_agent.errors import DeliveryUnavailable
from alpr_edge_agent.outbox.reader import OutboxRow
from alpr_edge_agent.outbox.schema import now_ms
from alpr_edge_agent.outbox.writer_schema import WriterSchema, our_schema
from alpr_kafka.decoding import frame
from alpr_kafka.errors import KafkaKitError
from alpr_kafka.failpoints import reach
from alpr_kafka.producer import Outgoing, Producer
from alpr_kafka.registry import Registry
from alpr_schemas import topics

log = structlog.get_logger(__name__)
_TIME_REFUSED: Final = ("INVALID_TIMESTAMP", "INVALID_RECORD")  # which of them depends on the batch it came in
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
        self._taken_ms = 0  # the latest time that brokers took
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
            latest = now_ms()
            errors = self._sent(rows, latest)
            if any(refusal in str(error) for refusal in _TIME_REFUSED for error in errors):
                errors = self._sent(rows, self._acceptable_ms())
            else:
                self._taken_ms = max(self._taken_ms, *(min(row.created_ms, latest) for row in rows))
        except KafkaKitError as e:
            raise DeliveryUnavailable(str(e)) from e
        for error in errors:
            raise DeliveryUnavailable(str(error)) from error
        reach("after_produce")

    def _acceptable_ms(self) -> int:
        """Brokers take no record from the future, more than an hour ahead of them: an older time is better than none.

        A time from before all retention would have the record deleted before anybody read it.
        """
        if not self._taken_ms:
            raise DeliveryUnavailable(
                "Kafka: refuses our records, most likely for their time: this node's clock is ahead; set it (NTP)"
            )
        log.warning("clock_ahead", effect="records carry the time of the last that was taken; set the clock (NTP)")
        return self._taken_ms

    def _sent(self, rows: Sequence[OutboxRow], latest_ms: int) -> list[Exception]:
        """Send `rows`, none with a time after `latest_ms`; what went wrong."""
        told: list[Exception | None] = []
        for row in rows:
            self._producer.send(self._outgoing(row, min(row.created_ms, latest_ms)), told.append)
        reach("before_ack")
        self._wait_for(len(rows), told)
        return [error for error in told if error is not None]

    def _wait_for(self, many: int, told: list[Exception | None]) -> None:
        """Each record is told of in the end: acknowledged, or given up by the client after its own time-out."""
        stopped_at: float | None = None
        while len(told) < many:
            self._producer.poll(_POLL_S)
            if self._stop.is_set():
                stopped_at = stopped_at or time.monotonic()
                if time.monotonic() - stopped_at > END_WITHIN_S:
                    raise DeliveryUnavailable("asked to end while brokers were silent; what waits, waits on")

    def _outgoing(self, row: OutboxRow, at_ms: int) -> Outgoing:
        headers = (("traceparent", row.traceparent.encode()),) if row.traceparent else ()
        value = frame(self._schema_id(row.topic, row.schema), row.payload)
        return Outgoing(row.topic, value, row.key.encode(), headers, at_ms)

    def _schema_id(self, topic: str, writer: WriterSchema) -> int:
        """Of the schema that wrote the bytes: those of an older agent are read by theirs, never by ours."""
        known = self._ids.get((topic, writer.fingerprint))
        if known is None:
            known = self._registry.id_of(topic, writer.definition)
            self._ids[topic, writer.fingerprint] = known
        return known
