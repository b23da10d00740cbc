"""The figures of storing; those of consuming come from `alpr_kafka`."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

ROWS = Counter("alpr_storage_rows_total", "Rows by table and what became of them.", ["table", "outcome"])
BISECTS = Counter("alpr_storage_bisects_total", "Batches that were halved to find a row that the database refuses.")
COPIES = Counter("alpr_ledger_copied_agent_events_total", "Events refused because two agents run under one id.")
LEDGER_MISSING = Gauge("alpr_ledger_missing_events", "Numbers that no event has, by site.", ["site"])
LEDGER_LOST = Gauge("alpr_ledger_tombstoned_events", "Events that agents gave up and told of, by site.", ["site"])
LEDGER_DEAD = Gauge("alpr_ledger_dead_lettered_events", "Events that lie among the dead letters, by site.", ["site"])
RETAINED = Counter("alpr_storage_retention_dropped_total", "Partitions dropped by retention.", ["table"])
