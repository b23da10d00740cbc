-- Figures by month, as the events: a month leaves by dropping a table.
ALTER TABLE metric_events RENAME TO metric_events_before;
ALTER INDEX metric_events_pkey RENAME TO metric_events_before_pkey;
CREATE TABLE metric_events (
    metric_id uuid NOT NULL,
    measured_at timestamptz NOT NULL,
    host_id text NOT NULL,
    site_id text,
    metric_type text NOT NULL,
    metric_name text NOT NULL,
    value double precision NOT NULL,
    unit text NOT NULL,
    tags jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (metric_id, measured_at)
) PARTITION BY RANGE (measured_at);
CREATE TABLE metric_events_other PARTITION OF metric_events DEFAULT;
CREATE INDEX metric_events_name ON metric_events (metric_name, measured_at DESC);
INSERT INTO metric_events SELECT * FROM metric_events_before;
DROP TABLE metric_events_before;
