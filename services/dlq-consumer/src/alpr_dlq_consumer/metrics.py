"""What Prometheus is told of dead letters. Labels are few: consumers of ours, states, kinds, and the largest groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from alpr_dlq_consumer.consumers import GROUPS, as_label
from alpr_dlq_consumer.letter import Letter

KINDS = ("SCHEMA_VALIDATION", "PROCESSING_FAILURE", "TIMEOUT", "BUSINESS_LOGIC", "UNKNOWN")


@dataclass(frozen=True, slots=True)
class LargeGroup:
    """One of the largest open groups."""

    fingerprint: str
    consumer: str
    kind: str
    letters: int


@dataclass(frozen=True, slots=True)
class Census:
    """The table at one moment.

    Attributes:
        letters: how many of each (consumer, state).
        oldest_s: seconds since the oldest open letter of each consumer first failed.
        large: the largest open groups, a bounded number of them.
        groups: how many open groups there are.
    """

    letters: dict[tuple[str, str], int] = field(default_factory=dict)
    oldest_s: dict[str, float] = field(default_factory=dict)
    large: Sequence[LargeGroup] = ()
    groups: int = 0


class Metrics:
    """Counters of this process, and the last census."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._received = Counter(
            "alpr_dlq_received_total", "Letters kept, by who refused the record.", ["consumer", "kind"],
            registry=registry,
        )  # fmt: skip
        self._expired = Counter(
            "alpr_dlq_expired_total", "Letters deleted by age, by their last state.", ["state"], registry=registry
        )
        self._counted = Counted()
        registry.register(self._counted)
        for consumer in GROUPS:  # from zero, so that a rate over the first one exists
            for kind in KINDS:
                self._received.labels(consumer, kind)

    def received(self, letters: Sequence[Letter]) -> None:
        """Count new letters."""
        for letter in letters:
            self._received.labels(as_label(letter.consumer), letter.kind if letter.kind in KINDS else "UNKNOWN").inc()

    def expired(self, states: Iterable[tuple[str, int]]) -> None:
        """Count letters whose time was over."""
        for state, letters in states:
            self._expired.labels(state).inc(letters)

    def counted(self, census: Census) -> None:
        """What the next scrapes are told."""
        self._counted.census = census


class Counted(Collector):
    """Gives the last census; a group that is gone is gone from the next scrape on."""

    def __init__(self) -> None:
        self.census = Census()

    def describe(self) -> Iterable[Metric]:
        """Nothing to run at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The gauges."""
        census = self.census
        letters = GaugeMetricFamily("alpr_dlq_letters", "Letters in the table.", labels=["consumer", "state"])
        for key, count in census.letters.items():
            letters.add_metric(list(key), count)
        oldest = GaugeMetricFamily(
            "alpr_dlq_oldest_seconds", "How long ago the oldest new letter first failed.", labels=["consumer"]
        )
        for consumer, seconds in census.oldest_s.items():
            oldest.add_metric([consumer], seconds)
        large = GaugeMetricFamily(
            "alpr_dlq_group_letters", "The largest groups of new letters.", labels=["fingerprint", "consumer", "kind"]
        )
        for group in census.large:
            large.add_metric([group.fingerprint, group.consumer, group.kind], group.letters)
        groups = GaugeMetricFamily("alpr_dlq_groups", "Groups with new letters.", value=census.groups)
        return [letters, oldest, large, groups]
