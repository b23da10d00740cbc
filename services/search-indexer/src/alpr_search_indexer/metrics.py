"""All metrics of the indexer; `elasticsearch_consumer_*` are names of the old system, kept for its dashboards."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("alpr_indexer_records_total", "Records consumed.")
REFUSED = Counter("alpr_indexer_dead_letters_total", "Records handed to the dead letters.")
TIMEOUTS = Counter("alpr_indexer_timeouts_total", "Requests that the search engine did not answer in time.")
OUTCOMES = Counter("alpr_indexer_documents_total", "Documents, by what became of them.", ["outcome"])
RETRIES = Counter("alpr_indexer_retries_total", "Documents sent again because the engine had no room.")
BULK_REQUESTS = Counter("alpr_indexer_bulk_requests_total", "Bulk requests.")
BULK_DOCUMENTS = Histogram(
    "alpr_indexer_bulk_documents", "Documents a bulk request.", buckets=(1, 10, 50, 100, 250, 500, 1000, 2000, 5000)
)
BULK_SECONDS = Histogram("alpr_indexer_bulk_seconds", "Time of a bulk request.")
AVAILABLE = Gauge("alpr_indexer_opensearch_available", "1 while the search engine answers.")
MISSING = Gauge("alpr_reconcile_missing_documents", "Events of the window that the index lacked at the last pass.")
AHEAD = Gauge("alpr_reconcile_unstored_documents", "Documents of the window that the database lacked.")
DRIVEN = Counter("alpr_reconcile_driven_documents_total", "Documents driven into the index from the database.")
LAST_PASS = Gauge("alpr_reconcile_last_pass_timestamp_seconds", "When the last whole comparison ended.")
PICTURES = Gauge("alpr_reconcile_pictures", "Pictures not as the events say.", ["finding"])
DELETED_MONTHS = Counter("alpr_indexer_expired_indices_total", "Indices deleted because their month is past its keep.")
UPKEEP_FAILURES = Counter(
    "alpr_indexer_upkeep_failures_total", "Rounds of upkeep that did not come to an end.", ["task"]
)

SOURCES = (RECORDS, REFUSED, TIMEOUTS, OUTCOMES, RETRIES, BULK_REQUESTS, BULK_DOCUMENTS, BULK_SECONDS, AVAILABLE)
"""What the old system's names are read from."""
for _outcome in ("indexed", "present", "refused", "expired"):
    OUTCOMES.labels(_outcome)
