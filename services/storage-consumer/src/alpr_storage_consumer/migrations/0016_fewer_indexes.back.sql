DROP INDEX plate_events_created;
CREATE INDEX plate_events_created ON plate_events (created_at DESC);
CREATE INDEX plate_events_folded ON plate_events (plate_folded text_pattern_ops);
CREATE INDEX plate_events_trigrams ON plate_events USING gin (plate_normalized_text gin_trgm_ops);
