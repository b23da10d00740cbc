-- Figures as a hypertable, a day a chunk.
ALTER TABLE metric_events DROP CONSTRAINT metric_events_pkey;
ALTER TABLE metric_events ADD PRIMARY KEY (metric_id, measured_at);
SELECT create_hypertable(
    'metric_events', by_range('measured_at', INTERVAL '1 day'), create_default_indexes => false, migrate_data => true
);
CREATE INDEX metric_events_name ON metric_events (metric_name, measured_at DESC);
