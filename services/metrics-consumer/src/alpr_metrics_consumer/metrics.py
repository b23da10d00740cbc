"""What Prometheus is told: the hosts' figures, and what this consumer did with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from alpr_metrics_consumer.series import Outcome, Series, labelled


class Metrics:
    """This consumer's own counters, under today's name and under the old ones that dashboards ask for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.samples = Counter(
            "alpr_metrics_samples_total", "Figures of hosts, by what became of them.", ["outcome"], registry=registry
        )
        self.overflow = Counter(
            "alpr_metrics_series_overflow_total", "Figures without room: more series than allowed.", registry=registry
        )
        self.consumed = Counter("metrics_consumer_messages_consumed_total", "Records read.", registry=registry)
        self.processed = Counter("metrics_consumer_messages_processed_total", "Records decoded.", registry=registry)
        self.failed = Counter("metrics_consumer_messages_failed_total", "Records refused.", registry=registry)
        for outcome in Outcome:  # from zero, so that a rate over the first one exists
            self.samples.labels(outcome.value)

    def count(self, outcome: Outcome) -> None:
        """One sample more with this outcome."""
        self.samples.labels(outcome.value).inc()
        if outcome is Outcome.OVERFLOW:
            self.overflow.inc()


class HostFigures(Collector):
    """Gives the current series at each scrape; stale ones are gone from the next scrape on."""

    def __init__(self, series: Series, now: Callable[[], float] = time.time) -> None:
        self._series, self._now = series, now

    def describe(self) -> Iterable[Metric]:
        """Nothing to run at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The gauges of all hosts."""
        now = self._now()
        figures = GaugeMetricFamily(
            "alpr_host_metric", "The latest figure that a host gave.", labels=["host", "site", "metric_type", "name"]
        )
        for labels, value in labelled(self._series.current(now)):
            figures.add_metric(labels, value)
        seen = GaugeMetricFamily(
            "alpr_host_seen_timestamp_seconds", "When a host last gave a figure.", labels=["host", "site"]
        )
        for key, at in self._series.hosts(now).items():
            seen.add_metric(list(key), at)
        return [figures, seen]
