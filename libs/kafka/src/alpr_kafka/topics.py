"""The topics as they shall be: partitions and retention; made by command, never by a client's accident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from alpr_kafka.errors import Misdeployed, Unavailable
from alpr_kafka.letters import retry_topic
from alpr_kafka.producer import LETTER_BYTES
from alpr_kafka.settings import KafkaSettings
from alpr_schemas import topics

_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it shall be; `max_bytes` (Kafka's own default here) is the largest batch that it takes."""

    name: str
    partitions: int
    retention: timedelta
    max_bytes: int = 1_048_588

    @property
    def kept_for(self) -> str:
        """Its retention for people: "7 days", "24 hours"."""
        hours = round(self.retention.total_seconds() / 3600)
        return f"{hours // 24} days" if hours % 24 == 0 and hours > 24 else f"{hours} hours"

    @property
    def config(self) -> dict[str, str]:
        """Its settings; compression is the producer's."""
        return {
            "retention.ms": str(int(self.retention.total_seconds() * 1000)),
            "cleanup.policy": "delete",
            "compression.type": "producer",
            "message.timestamp.type": "CreateTime",
            "max.message.bytes": str(self.max_bytes),
        }


ALL: Final = (
    Topic(topics.PLATES, 3, timedelta(days=7)),
    Topic(topics.VEHICLES, 3, timedelta(days=7)),
    Topic(topics.METRICS, 1, timedelta(hours=24)),
    Topic(topics.DEAD_LETTERS, 1, timedelta(days=30), LETTER_BYTES),
    *(Topic(retry_topic(name), 3, timedelta(days=7), LETTER_BYTES) for name in ("storage", "indexer", "metrics")),
)


@dataclass(frozen=True, slots=True)
class Change:
    """What was done, or would be done, to a topic."""

    topic: str
    what: str


def apply(
    settings: KafkaSettings, wanted: Sequence[Topic] = ALL, *, copies: int = 1, dry_run: bool = False
) -> list[Change]:
    """Make what is missing, add partitions, set retention. Raises Unavailable, Misdeployed.

    Partitions are never taken away: Kafka cannot, and keys would move.
    """
    admin = AdminClient(settings.client())
    try:
        known = admin.list_topics(timeout=_WITHIN_S).topics
        changes = []
        for topic in wanted:
            if topic.name not in known:
                changes.append(_made(admin, topic, copies, dry_run=dry_run))
            else:
                changes += _grown(admin, topic, len(known[topic.name].partitions), dry_run=dry_run)
                changes += _configured(admin, topic, dry_run=dry_run)
    except KafkaException as e:
        raise _translated(e.args[0]) from e
    return changes


def _made(admin: AdminClient, topic: Topic, copies: int, *, dry_run: bool) -> Change:
    if not dry_run:
        new = NewTopic(topic.name, topic.partitions, copies, config=topic.config)
        try:
            admin.create_topics([new], operation_timeout=_WITHIN_S)[topic.name].result(_WITHIN_S)
        except KafkaException as e:
            if e.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    return Change(topic.name, f"made, {topic.partitions} partitions, kept for {topic.kept_for}")


def _grown(admin: AdminClient, topic: Topic, partitions: int, *, dry_run: bool) -> list[Change]:
    if partitions >= topic.partitions:
        return []
    if not dry_run:
        admin.create_partitions([NewPartitions(topic.name, topic.partitions)])[topic.name].result(_WITHIN_S)
    return [Change(topic.name, f"{partitions} partitions become {topic.partitions}")]


def _configured(admin: AdminClient, topic: Topic, *, dry_run: bool) -> list[Change]:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    there = admin.describe_configs([resource])[resource].result(_WITHIN_S)
    wrong = {key: value for key, value in topic.config.items() if key not in there or there[key].value != value}
    if not wrong:
        return []
    if not dry_run:
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in wrong.items()
        ]
        altered = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
        admin.incremental_alter_configs([altered])[altered].result(_WITHIN_S)
    return [Change(topic.name, ", ".join(f"{key}={value}" for key, value in sorted(wrong.items())))]


def _translated(error: KafkaError) -> Exception:
    if error.code() in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}:
        return Misdeployed(f"Kafka: {error.name()}; give the user the rights Create, Describe, Alter on topics")
    return Unavailable(f"Kafka: {error.name()}: {error.str()}")
