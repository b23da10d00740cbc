"""Losses are told: each tombstone of the outbox becomes a MetricEvent of type CUSTOM."""

from __future__ import annotations

from datetime import UTC, datetime

from alpr_edge_agent.outbox.reader import OutboxReader, OutboxRow, Tombstone
from alpr_edge_agent.outbox.writer_schema import our_schema
from alpr_edge_agent.publish import Publisher
from alpr_schemas import codec, topics
from alpr_schemas.events import MetricEvent, MetricType
from alpr_schemas.identity import event_id, iso


def tell_tombstones(reader: OutboxReader, publisher: Publisher, site: str, host: str) -> int:
    """Publish what was lost, then forget it; how many tombstones there were."""
    stones = reader.tombstones()
    if stones:
        publisher.publish([_row(stone, metric_of(stone, site, host)) for stone in stones])
        reader.delete_tombstones(stones)
    return len(stones)


def metric_of(stone: Tombstone, site: str, host: str) -> MetricEvent:
    """The loss as a figure: how many events, and which numbers of which agent (the host), boot and topic."""
    moment = datetime.fromtimestamp(stone.created_ms / 1000, UTC)
    track = f"{stone.topic}:{stone.first_seq}-{stone.last_seq}"
    return MetricEvent(
        metric_id=str(event_id(moment, site, host, stone.boot_id, track)),
        timestamp=iso(moment),
        host_id=host,
        site_id=site,
        metric_type=MetricType.CUSTOM,
        metric_name="alpr_events_lost",
        value=stone.last_seq - stone.first_seq + 1,
        unit="events",
        tags={
            "reason": stone.reason, "agent_id": host, "boot_id": stone.boot_id, "topic": stone.topic,
            "first_seq": str(stone.first_seq), "last_seq": str(stone.last_seq),
        },
    )  # fmt: skip


def _row(stone: Tombstone, metric: MetricEvent) -> OutboxRow:
    payload, schema = codec.encode(metric), our_schema(topics.METRICS)
    return OutboxRow(stone.id, topics.METRICS, metric.host_id, payload, None, stone.created_ms, schema)
