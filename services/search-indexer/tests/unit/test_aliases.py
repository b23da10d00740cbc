"""Names of the old system show the same figures as ours."""

from prometheus_client import CollectorRegistry, generate_latest

from alpr_search_indexer import metrics
from alpr_search_indexer.aliases import OldNames


def read(registry):
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}


def test_old_names_follow_ours():
    registry = CollectorRegistry()
    OldNames(registry, metrics.SOURCES)
    before = read(registry)
    metrics.OUTCOMES.labels("indexed").inc(5)
    metrics.OUTCOMES.labels("present").inc(2)
    metrics.OUTCOMES.labels("refused").inc()
    metrics.RETRIES.inc(3)
    metrics.BULK_REQUESTS.inc()
    metrics.BULK_DOCUMENTS.observe(60)
    metrics.BULK_SECONDS.observe(0.5)
    metrics.AVAILABLE.set(1)
    metrics.RECORDS.inc(8)
    metrics.REFUSED.inc()
    metrics.TIMEOUTS.inc()
    after = read(registry)
    risen = {name.removeprefix("elasticsearch_consumer_"): after[name] - before[name] for name in after}
    assert {name: risen[name] for name in risen if name.endswith("_total")} == {
        "messages_consumed_total": 8, "dlq_messages_sent_total": 1, "processing_timeout_total": 1,
        "messages_indexed_total": 7, "messages_failed_total": 1, "bulk_requests_total": 1, "retry_attempts_total": 3,
    }  # fmt: skip
    assert (risen["bulk_size_documents_count"], risen["bulk_size_documents_sum"]) == (1, 60)
    assert (risen['bulk_size_documents_bucket{le="50.0"}'], risen['bulk_size_documents_bucket{le="100.0"}']) == (0, 1)
    assert risen["bulk_duration_seconds_sum"] == 0.5
    assert after["elasticsearch_consumer_opensearch_available"] == 1
