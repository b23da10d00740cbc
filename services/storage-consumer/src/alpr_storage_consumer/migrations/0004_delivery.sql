-- What moves in one transaction with the rows: where each group stands in Kafka, and which numbers have come.
CREATE TABLE kafka_offsets (
    grp text NOT NULL,
    topic text NOT NULL,
    part integer NOT NULL,
    next bigint,  -- null: claimed, nothing written yet
    epoch bigint NOT NULL DEFAULT 1,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (grp, topic, part)
) WITH (fillfactor = 50);

-- A boot of an agent numbers the events of a topic from 1 on, without gaps.
CREATE TABLE agent_ledger (
    agent_id text NOT NULL,
    boot_id text NOT NULL,
    topic text NOT NULL,
    site_id text,
    seen int8multirange NOT NULL DEFAULT '{}',
    tombstoned int8multirange NOT NULL DEFAULT '{}',
    dead int8multirange NOT NULL DEFAULT '{}',
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agent_id, boot_id, topic)
) WITH (fillfactor = 50);

-- Which boots of an agent a partition has shown; whoever goes on numbering after a later boot is a copy of the agent.
CREATE TABLE agent_boots (
    agent_id text NOT NULL,
    topic text NOT NULL,
    part integer NOT NULL,
    boot_id text NOT NULL,
    superseded boolean NOT NULL DEFAULT false,
    PRIMARY KEY (agent_id, topic, part, boot_id)
);

-- Rows before this moment were removed by retention: that they are missing proves nothing.
CREATE TABLE retention_marks (
    table_name text PRIMARY KEY,
    dropped_before timestamptz NOT NULL
);

-- An open range ends at its own highest number: the ledger's ranges all have both ends.
CREATE FUNCTION ledger_missing(seen int8multirange, tombstoned int8multirange, dead int8multirange)
RETURNS int8multirange LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN isempty(seen + tombstoned + dead) THEN '{}'::int8multirange
        ELSE int8multirange(int8range(1, upper(seen + tombstoned + dead))) - seen - tombstoned - dead END
$$;
CREATE FUNCTION ledger_count(numbers int8multirange)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint FROM unnest(numbers) AS r
$$;
CREATE VIEW agent_ledger_proof AS
SELECT
    agent_id, boot_id, topic, site_id,
    CASE WHEN lower(seen + tombstoned + dead) = 1
        THEN upper(unnested.first) - 1 ELSE 0 END AS contiguous_upto,
    upper(seen + tombstoned + dead) - 1 AS highest,
    ledger_count(seen) AS seen_count,
    ledger_missing(seen, tombstoned, dead) AS missing,
    ledger_count(ledger_missing(seen, tombstoned, dead)) AS missing_count,
    tombstoned - seen AS tombstoned, ledger_count(tombstoned - seen) AS tombstoned_count,
    dead - seen AS dead, ledger_count(dead - seen) AS dead_count,
    first_at, last_at
FROM agent_ledger,
    LATERAL (SELECT r AS first FROM unnest(seen + tombstoned + dead) AS r ORDER BY r LIMIT 1) AS unnested;
