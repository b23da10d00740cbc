ALTER TABLE metric_events RENAME TO metric_events_after;
ALTER INDEX metric_events_pkey RENAME TO metric_events_after_pkey;
CREATE TABLE metric_events (
    metric_id uuid PRIMARY KEY,
    measured_at timestamptz NOT NULL,
    host_id text NOT NULL,
    site_id text,
    metric_type text NOT NULL,
    metric_name text NOT NULL,
    value double precision NOT NULL,
    unit text NOT NULL,
    tags jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO metric_events SELECT * FROM metric_events_after ON CONFLICT DO NOTHING;
DROP TABLE metric_events_after;
