-- Pictures that are not as the events say: an event's that the object store lacks, or one in the store without an event.
CREATE TABLE picture_findings (
    key text PRIMARY KEY,
    event_id uuid NOT NULL,
    finding text NOT NULL CHECK (finding IN ('missing', 'orphaned')),
    first_found_at timestamptz NOT NULL DEFAULT now(),
    last_found_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX picture_findings_oldest ON picture_findings (last_found_at);
