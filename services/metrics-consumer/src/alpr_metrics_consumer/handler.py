"""Records of `alpr.metrics` in, the latest figures out; what is kept for longer, the storage consumer writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from alpr_kafka.decoding import Decoder
from alpr_kafka.errors import Undecodable
from alpr_kafka.handling import Bury, Prepared
from alpr_kafka.records import DeadLetterKind, Place, Record, Refused
from alpr_metrics_consumer.metrics import Metrics
from alpr_metrics_consumer.series import Labels, Sample, Series, label
from alpr_schemas import topics
from alpr_schemas.events import MetricEvent, moment


@dataclass
class MetricsHandler:
    """Keeps figures in memory only: Kafka keeps the offsets, and a figure that comes twice changes nothing."""

    decoder: Decoder
    series: Series
    metrics: Metrics
    now: Callable[[], float] = time.time
    topics: Sequence[str] = (topics.METRICS,)
    keeps_offsets: bool = False

    def prepare(self, records: Sequence[Record]) -> Prepared[list[Sample]]:
        """Decode `records`; raises Unavailable where the registry is away."""
        samples: list[Sample] = []
        refused: list[Refused] = []
        for record in records:
            try:
                samples.append(read_sample(self.decoder.decode(record)))
            except Undecodable as e:
                refused.append(Refused(record, e.kind, e.reason))
            except ValidationError as e:
                refused.append(Refused(record, DeadLetterKind.SCHEMA_VALIDATION, _fields_of(e)))
            except OverflowError:
                refused.append(Refused(record, DeadLetterKind.BUSINESS_LOGIC, "timestamp: no UTC date can hold it"))
        return Prepared(samples, len(records), refused)

    def claim(self, places: Sequence[Place]) -> dict[Place, int]:  # noqa: ARG002 - the seam's
        """Nothing to fence: Kafka keeps the offsets."""
        return {}

    def write(
        self,
        prepared: Prepared[list[Sample]],
        next_offsets: Mapping[Place, int],  # noqa: ARG002 - the seam's
        bury: Bury,
    ) -> None:
        """Bury what was refused, then show the rest."""
        bury(prepared.refused)
        now = self.now()
        for sample in prepared.work:
            self.metrics.count(self.series.offer(sample, now))
        self.metrics.consumed.inc(prepared.records)
        self.metrics.processed.inc(len(prepared.work))
        self.metrics.failed.inc(len(prepared.refused))

    def close(self) -> None:
        """Nothing is held open."""


def read_sample(decoded: Mapping[str, Any]) -> Sample:
    """The figure in a decoded MetricEvent. Raises ValidationError, OverflowError."""
    event = MetricEvent.model_validate(decoded)
    labels = Labels(label(event.host_id), label(event.site_id), event.metric_type.value, label(event.metric_name))
    return Sample(labels, event.value, moment(event.timestamp).timestamp())


def _fields_of(error: ValidationError) -> str:
    """Which fields are wrong and why, without their values: those of our own checks stand in their messages."""
    return "; ".join(
        f"{'.'.join(map(str, e['loc']))}: {'not a valid value' if e['type'] == 'value_error' else e['msg']}"
        for e in error.errors(include_input=False)
    )
