DROP VIEW plate_events_daily;
DROP VIEW plate_events_hourly;
