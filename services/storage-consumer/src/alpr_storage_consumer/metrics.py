"""The figures of storing; those of consuming come from `alpr_kafka`."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ROWS = Counter("alpr_storage_rows_total", "Rows by table and what became of them.", ["table", "outcome"])
BISECTS = Counter("alpr_storage_bisects_total", "Batches that were halved to find a row that the database refuses.")
COPIES = Counter("alpr_ledger_copied_agent_events_total", "Events refused because two agents run under one id.")
LEDGER_MISSING = Gauge("alpr_ledger_missing_events", "Numbers that no event has, by site.", ["site"])
LEDGER_LOST = Gauge("alpr_ledger_tombstoned_events", "Events that agents gave up and told of, by site.", ["site"])
LEDGER_DEAD = Gauge("alpr_ledger_dead_lettered_events", "Events that lie among the dead letters, by site.", ["site"])
RETAINED = Counter("alpr_storage_retention_dropped_total", "Partitions dropped by retention.", ["table"])

# The old system's names, for its dashboards.
OLD_CONSUMED = Counter("kafka_consumer_messages_consumed_total", "Records taken.")
OLD_STORED = Counter("kafka_consumer_messages_stored_total", "Rows that are new.")
OLD_FAILED = Counter("kafka_consumer_messages_failed_total", "Records refused.")
OLD_SKIPPED = Counter("kafka_consumer_messages_skipped_total", "Records that were stored before.")
OLD_RETRIES = Counter("kafka_consumer_retry_attempts_total", "Batches that met an outage.")
OLD_TIMEOUTS = Counter("kafka_consumer_processing_timeout_total", "Batches that took too long.")
OLD_LETTERS = Counter("kafka_consumer_dlq_messages_sent_total", "Records among the dead letters.")
OLD_PROCESSING = Histogram("kafka_consumer_processing_time_seconds", "Decoding of a batch.")
OLD_INSERT = Histogram("kafka_consumer_db_insert_time_seconds", "Transaction of a batch.")
