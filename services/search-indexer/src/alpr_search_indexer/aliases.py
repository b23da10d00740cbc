"""The old system's names for our figures, so that its dashboards read on: each is one of ours, seen once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

_COUNTERS: Mapping[str, tuple[str, str, frozenset[str]]] = {
    # old name: ours, its label, the values that count
    "messages_consumed": ("alpr_indexer_records", "", frozenset()),
    "dlq_messages_sent": ("alpr_indexer_dead_letters", "", frozenset()),
    "processing_timeout": ("alpr_indexer_timeouts", "", frozenset()),
    "messages_indexed": ("alpr_indexer_documents", "outcome", frozenset({"indexed", "present"})),
    "messages_failed": ("alpr_indexer_documents", "outcome", frozenset({"refused"})),
    "bulk_requests": ("alpr_indexer_bulk_requests", "", frozenset()),
    "retry_attempts": ("alpr_indexer_retries", "", frozenset()),
}
_HISTOGRAMS = {
    "bulk_size_documents": "alpr_indexer_bulk_documents",
    "bulk_duration_seconds": "alpr_indexer_bulk_seconds",
}
_PREFIX = "elasticsearch_consumer_"


class OldNames(Collector):
    """Reads `registry` anew at each scrape; registered there itself."""

    def __init__(self, registry: CollectorRegistry, sources: Iterable[Collector]) -> None:
        self._sources = list(sources)
        registry.register(self)

    def describe(self) -> list[Metric]:
        """Nothing beforehand: or registering would collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures under their old names."""
        found = {metric.name: metric for source in self._sources for metric in source.collect()}
        for name, (ours, label, values) in _COUNTERS.items():
            yield _counter(f"{_PREFIX}{name}", found[ours], label, values)
        for name, ours in _HISTOGRAMS.items():
            yield _histogram(f"{_PREFIX}{name}", found[ours])
        gauge = GaugeMetricFamily(f"{_PREFIX}opensearch_available", "1 while the search engine answers.")
        gauge.add_metric([], found["alpr_indexer_opensearch_available"].samples[0].value)
        yield gauge


def _counter(name: str, ours: Metric, label: str, values: frozenset[str]) -> Metric:
    counted = sum(
        sample.value
        for sample in ours.samples
        if sample.name.endswith("_total") and (not label or sample.labels[label] in values)
    )
    family = CounterMetricFamily(name, ours.documentation)
    family.add_metric([], counted)
    return family


def _histogram(name: str, ours: Metric) -> Metric:
    buckets = [(s.labels["le"], s.value) for s in ours.samples if s.name.endswith("_bucket")]
    total = next(s.value for s in ours.samples if s.name.endswith("_sum"))
    family = HistogramMetricFamily(name, ours.documentation)
    family.add_metric([], buckets, total)
    return family
