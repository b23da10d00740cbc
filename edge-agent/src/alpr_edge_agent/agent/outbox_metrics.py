"""Figures of the outbox, read from it when somebody scrapes them: right also while nothing can be delivered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alpr_edge_agent.outbox.reader import Backlog, look
from alpr_edge_agent.outbox.schema import now_ms


class OutboxCollector(Collector):
    """Shows the outbox at `path`; nothing while there is none, or while its disk fails."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def collect(self) -> Iterator[Metric]:
        """What waits, and what went, now."""
        backlog = look(self._path)
        if backlog is not None:
            yield from metrics_of(backlog, now_ms())

    def describe(self) -> list[Metric]:
        """Nothing: asked at registration, when there may be no outbox yet."""
        return []


def metrics_of(backlog: Backlog, at_ms: int) -> Iterator[Metric]:
    """The figures of `backlog` at Unix time `at_ms`."""
    age_s = 0.0 if backlog.oldest_ms is None else max(0.0, (at_ms - backlog.oldest_ms) / 1000)
    yield GaugeMetricFamily("alpr_outbox_events", "Events that wait for delivery.", value=backlog.events)
    yield GaugeMetricFamily("alpr_outbox_images", "Pictures that wait for their upload.", value=backlog.images)
    size = "Bytes of events and pictures that wait."
    yield GaugeMetricFamily("alpr_outbox_bytes", size, value=backlog.size_bytes)
    age = "Since the event that waits longest was put in; 0 where none waits."
    yield GaugeMetricFamily("alpr_outbox_oldest_age_seconds", age, value=age_s)
    yield CounterMetricFamily("alpr_outbox_sent_events", "Events that were acknowledged.", value=backlog.sent)
    full = "Events that were dropped, each under a tombstone, because the box was full."
    yield CounterMetricFamily("alpr_outbox_tombstoned_events", full, value=backlog.dropped)
    lost = CounterMetricFamily(
        "alpr_outbox_lost_images", "Pictures that were dropped for want of room.", labels=["kind"]
    )
    for kind, count in backlog.lost_images.items():
        lost.add_metric([kind], count)
    yield lost


@contextmanager
def outbox_shown(path: Path, registry: CollectorRegistry = REGISTRY) -> Iterator[None]:
    """Show the outbox at `path` on /metrics while this lasts."""
    collector = OutboxCollector(path)
    registry.register(collector)
    try:
        yield
    finally:
        registry.unregister(collector)
