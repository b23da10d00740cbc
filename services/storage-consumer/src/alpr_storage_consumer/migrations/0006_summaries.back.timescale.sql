DROP MATERIALIZED VIEW plate_events_daily;
DROP MATERIALIZED VIEW plate_events_hourly;
