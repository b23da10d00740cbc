"""What every consumer tells of itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter("alpr_consumer_records", "Records taken from Kafka, by topic.", ["topic"])
BATCHES = Histogram(
    "alpr_batch_seconds",
    "From a batch's first record to the end of its write.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
ROWS = Histogram("alpr_batch_rows", "Records in a batch.", buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10000))
LAG_RECORDS = Gauge("alpr_consumer_lag_records", "Records that wait in a partition.", ["topic", "partition"])
LAG_SECONDS = Gauge(
    "alpr_consumer_lag_seconds", "Age of the newest record taken, where others wait behind it.", ["topic"]
)
AGE = Histogram(
    "alpr_event_age_seconds",
    "From the moment when the outbox took an event to this stage.",
    ["stage"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86400),
)
DEAD = Counter("alpr_dlq_messages", "Records that became dead letters, by kind.", ["kind"])
OUTAGES = Counter("alpr_consumer_outages", "Tries of a batch that met an outage.")
FENCED = Counter("alpr_consumer_fenced", "Batches dropped because another consumer had claimed the partition.")
REWOUND = Counter(
    "alpr_consumer_rewound", "Times when the database had lost what it confirmed, and records were read again."
)
ASSIGNED = Gauge("alpr_consumer_partitions", "Partitions that this consumer has.")
