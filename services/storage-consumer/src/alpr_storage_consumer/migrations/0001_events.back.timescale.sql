-- One statement a hypertable: TimescaleDB drops none along with other objects.
DROP TABLE vehicle_events;
DROP TABLE plate_events;
DROP TABLE api_keys, dead_letters, metric_events;
DROP SEQUENCE alpr_feed;
