"""Which partitions are ours, and from where each goes on: the part that rebalances change."""

from __future__ import annotations

from collections.abc import Iterable

import confluent_kafka
from confluent_kafka import TopicPartition

from alpr_kafka.records import Place


class Assignment:
    """The partitions that Kafka gave us; of those that are not claimed yet nothing is fetched."""

    def __init__(self) -> None:
        self.places: set[Place] = set()
        self.unclaimed: set[Place] = set()
        self.generation = 0

    def given(self, partitions: Iterable[TopicPartition]) -> None:
        """Kafka gave these; nothing is read of them before they are claimed."""
        self.generation += 1
        self.places = {Place(p.topic, p.partition) for p in partitions}
        self.unclaimed = set(self.places)

    def taken(self) -> None:
        """Kafka took all of them."""
        self.generation += 1
        self.places = set()
        self.unclaimed = set()

    def begin(self, client: confluent_kafka.Consumer, offsets: dict[Place, int], otherwise: int) -> None:
        """Read on from `offsets`; those without one from `otherwise`, one of librdkafka's OFFSET_…."""
        told = [
            TopicPartition(p.topic, p.partition, offsets.get(p, otherwise))
            for p in sorted(self.places, key=lambda place: (place.topic, place.partition))
        ]
        client.assign(told)
        client.resume(told)  # a partition that was paused under an earlier assignment still is
        self.unclaimed = set()

    def held(self) -> list[TopicPartition]:
        """All of them, for librdkafka."""
        return [TopicPartition(p.topic, p.partition) for p in self.places]
