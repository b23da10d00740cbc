-- The tables of events as hypertables, a day a chunk; names and columns as in the plain file.
CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Rises in the order of commits: the writer takes the lock of `alpr_feed` before its first row.
CREATE SEQUENCE alpr_feed;

CREATE TABLE plate_events (
    event_id uuid NOT NULL,
    captured_at timestamptz NOT NULL,
    camera_id varchar(50) NOT NULL,
    track_id varchar(50) NOT NULL,
    plate_text varchar(20) NOT NULL,
    plate_normalized_text varchar(20) NOT NULL,
    plate_confidence double precision NOT NULL,
    plate_region varchar(10),
    vehicle_type varchar(20),
    vehicle_make varchar(50),
    vehicle_model varchar(50),
    vehicle_color varchar(30),
    plate_image_url text,
    vehicle_image_url text,
    frame_image_url text,
    latency_ms integer NOT NULL DEFAULT 0,
    quality_score double precision,
    frame_number integer,
    site_id varchar(63),
    host_id varchar(100),
    roi varchar(50),
    direction varchar(20),
    created_at timestamptz NOT NULL DEFAULT now(),
    revision integer NOT NULL DEFAULT 0,
    plate_folded varchar(20) NOT NULL,
    candidates jsonb NOT NULL DEFAULT '[]',
    reads integer NOT NULL DEFAULT 0,
    box real[],
    first_seen_at timestamptz,
    last_seen_at timestamptz,
    resumed boolean NOT NULL DEFAULT false,
    source_epoch text NOT NULL DEFAULT '',
    agent_id text NOT NULL DEFAULT '',
    boot_id text NOT NULL DEFAULT '',
    seq bigint NOT NULL DEFAULT 0,
    detector_digest text NOT NULL DEFAULT '',
    reader_digest text NOT NULL DEFAULT '',
    feed_id bigint NOT NULL DEFAULT nextval('alpr_feed'),
    PRIMARY KEY (event_id, captured_at)
);
SELECT create_hypertable('plate_events', by_range('captured_at', INTERVAL '1 day'), create_default_indexes => false);
CREATE INDEX plate_events_camera ON plate_events (camera_id, captured_at DESC);
CREATE INDEX plate_events_site ON plate_events (site_id, captured_at DESC);
CREATE INDEX plate_events_captured ON plate_events (captured_at DESC);
CREATE INDEX plate_events_created ON plate_events (created_at DESC);
CREATE INDEX plate_events_feed ON plate_events (feed_id);
CREATE INDEX plate_events_plate ON plate_events (plate_normalized_text text_pattern_ops, captured_at DESC);
CREATE INDEX plate_events_folded ON plate_events (plate_folded text_pattern_ops);
CREATE INDEX plate_events_trigrams ON plate_events USING gin (plate_normalized_text gin_trgm_ops);

CREATE TABLE vehicle_events (
    event_id uuid NOT NULL,
    captured_at timestamptz NOT NULL,
    camera_id varchar(50) NOT NULL,
    track_id varchar(50) NOT NULL,
    vehicle_type varchar(20),
    vehicle_color varchar(30),
    box real[] NOT NULL,
    confidence double precision NOT NULL,
    direction varchar(20),
    speed_kmh double precision,
    dwell_time_seconds double precision,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    latency_ms integer NOT NULL DEFAULT 0,
    site_id varchar(63),
    host_id varchar(100),
    plate_event_id uuid,
    resumed boolean NOT NULL DEFAULT false,
    source_epoch text NOT NULL DEFAULT '',
    agent_id text NOT NULL DEFAULT '',
    boot_id text NOT NULL DEFAULT '',
    seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, captured_at)
);
SELECT create_hypertable('vehicle_events', by_range('captured_at', INTERVAL '1 day'), create_default_indexes => false);
CREATE INDEX vehicle_events_camera ON vehicle_events (camera_id, captured_at DESC);
CREATE INDEX vehicle_events_plate ON vehicle_events (plate_event_id);

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

CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX dead_letters_once ON dead_letters (topic, sha256(payload));

CREATE TABLE api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
