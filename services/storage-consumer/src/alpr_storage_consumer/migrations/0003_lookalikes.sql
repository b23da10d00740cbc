-- Parts of plates, look-alikes taken as one, by index: the whole of full-text search on plates.
CREATE INDEX plate_events_folded_trigrams ON plate_events USING gin (plate_folded gin_trgm_ops);
