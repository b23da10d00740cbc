"""How far behind a consumer is, in records and in seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping

import confluent_kafka
from confluent_kafka import KafkaException, TopicPartition

from alpr_kafka import metrics
from alpr_kafka.records import Place


def tell_lag(client: confluent_kafka.Consumer, next_offsets: Mapping[Place, int], newest_ms: Mapping[str, int]) -> None:
    """Set the gauges from what the client knows already; it asks nobody.

    `newest_ms` is the time of the newest record taken of each topic.
    """
    behind: dict[str, bool] = {}
    for place, at in next_offsets.items():
        try:
            marks = client.get_watermark_offsets(TopicPartition(place.topic, place.partition), cached=True)
        except KafkaException:
            continue
        if marks is None or marks[1] < 0:
            continue
        lag = max(0, marks[1] - at)
        metrics.LAG_RECORDS.labels(place.topic, str(place.partition)).set(lag)
        behind[place.topic] = behind.get(place.topic, False) or lag > 0
    for topic, waits in behind.items():
        age = time.time() - newest_ms.get(topic, 0) / 1000 if waits and newest_ms.get(topic) else 0.0
        metrics.LAG_SECONDS.labels(topic).set(max(0.0, age))
