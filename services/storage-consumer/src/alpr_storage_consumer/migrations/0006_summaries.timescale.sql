-- Readings by hour and by day, kept up to date by the server; what is not materialised yet is added when asked for.
CREATE MATERIALIZED VIEW plate_events_hourly
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 hour', captured_at) AS bucket, site_id, camera_id, count(*) AS readings,
    sum(plate_confidence) AS confidence_sum, sum(latency_ms) AS latency_ms_sum, max(latency_ms) AS latency_ms_max
FROM plate_events GROUP BY 1, 2, 3
WITH NO DATA;
CREATE MATERIALIZED VIEW plate_events_daily
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 day', bucket) AS bucket, site_id, camera_id, sum(readings) AS readings,
    sum(confidence_sum) AS confidence_sum, sum(latency_ms_sum) AS latency_ms_sum, max(latency_ms_max) AS latency_ms_max
FROM plate_events_hourly GROUP BY 1, 2, 3
WITH NO DATA;
-- 35 days: what a site delivers after a month without its line is still counted.
SELECT add_continuous_aggregate_policy(
    'plate_events_hourly', start_offset => INTERVAL '35 days', end_offset => INTERVAL '1 hour',
    schedule_interval => INTERVAL '30 minutes'
);
SELECT add_continuous_aggregate_policy(
    'plate_events_daily', start_offset => INTERVAL '36 days', end_offset => INTERVAL '1 day',
    schedule_interval => INTERVAL '6 hours'
);
