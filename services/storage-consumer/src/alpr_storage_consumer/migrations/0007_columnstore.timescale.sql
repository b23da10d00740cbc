-- Chunks older than a week by columns, a camera's rows together; a replay into them is still found by its key.
ALTER TABLE plate_events SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'camera_id', timescaledb.orderby = 'captured_at DESC'
);
ALTER TABLE vehicle_events SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'camera_id', timescaledb.orderby = 'captured_at DESC'
);
ALTER TABLE metric_events SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'metric_name', timescaledb.orderby = 'measured_at DESC'
);
CALL add_columnstore_policy('plate_events', after => INTERVAL '7 days');
CALL add_columnstore_policy('vehicle_events', after => INTERVAL '7 days');
CALL add_columnstore_policy('metric_events', after => INTERVAL '7 days');
