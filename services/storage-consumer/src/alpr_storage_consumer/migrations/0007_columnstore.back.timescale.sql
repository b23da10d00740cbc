CALL remove_columnstore_policy('metric_events', if_exists => true);
CALL remove_columnstore_policy('vehicle_events', if_exists => true);
CALL remove_columnstore_policy('plate_events', if_exists => true);
ALTER TABLE metric_events SET (timescaledb.enable_columnstore = false);
ALTER TABLE vehicle_events SET (timescaledb.enable_columnstore = false);
ALTER TABLE plate_events SET (timescaledb.enable_columnstore = false);
