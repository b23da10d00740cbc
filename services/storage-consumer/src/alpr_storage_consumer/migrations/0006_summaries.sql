-- Readings by hour and by day, as TimescaleDB's continuous aggregates have them; here they are computed when asked for.
CREATE VIEW plate_events_hourly AS
SELECT
    date_trunc('hour', captured_at, 'UTC') AS bucket, site_id, camera_id, count(*) AS readings,
    sum(plate_confidence) AS confidence_sum, sum(latency_ms) AS latency_ms_sum, max(latency_ms) AS latency_ms_max
FROM plate_events GROUP BY 1, 2, 3;
CREATE VIEW plate_events_daily AS
SELECT
    date_trunc('day', bucket, 'UTC') AS bucket, site_id, camera_id, sum(readings) AS readings,
    sum(confidence_sum) AS confidence_sum, sum(latency_ms_sum) AS latency_ms_sum, max(latency_ms_max) AS latency_ms_max
FROM plate_events_hourly GROUP BY 1, 2, 3;
