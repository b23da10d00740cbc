DROP TABLE api_keys, dead_letters, metric_events, vehicle_events, plate_events;
DROP SEQUENCE alpr_feed;
