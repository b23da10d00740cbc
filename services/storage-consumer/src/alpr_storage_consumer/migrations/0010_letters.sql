-- Dead letters of Kafka and of one machine's own delivery in one table: `topic`, `payload`, `reason`, `at` stay, the
-- rest says where a letter comes from, what is wrong with it, and what became of it.
ALTER TABLE dead_letters
    ADD COLUMN dlq_id text NOT NULL DEFAULT gen_random_uuid()::text,
    -- plain: Avro without a frame, from an outbox; record: bytes as they were in Kafka; text: an old producer kept
    -- only text; envelope: the dead letter itself could not be read, and lies here whole.
    ADD COLUMN form text NOT NULL DEFAULT 'plain' CHECK (form IN ('plain', 'record', 'text', 'envelope')),
    ADD COLUMN consumer text NOT NULL DEFAULT 'storage',
    ADD COLUMN kind text NOT NULL DEFAULT 'UNKNOWN',
    ADD COLUMN fingerprint text NOT NULL DEFAULT '',
    ADD COLUMN original_partition integer,
    ADD COLUMN original_offset bigint,
    ADD COLUMN original_key bytea,
    ADD COLUMN headers jsonb NOT NULL DEFAULT '[]',  -- [[name, base64 of the value], …], in order
    ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN traceparent text,
    ADD COLUMN first_failed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,  -- how often it was replayed before this failure
    ADD COLUMN state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'replayed', 'discarded', 'parked')),
    ADD COLUMN state_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_dlq_id UNIQUE (dlq_id);
UPDATE dead_letters SET first_failed_at = at, state_at = at;

-- Two records of a topic may hold the same bytes; of an outbox, which has no offsets, they are the same record.
DROP INDEX dead_letters_once;
CREATE UNIQUE INDEX dead_letters_once ON dead_letters (consumer, topic, sha256(payload)) WHERE form = 'plain';
CREATE INDEX dead_letters_groups ON dead_letters (state, fingerprint);
CREATE INDEX dead_letters_age ON dead_letters (state, state_at);

-- Who looked at a plate in a dead letter, and who replayed or discarded what.
CREATE TABLE dead_letter_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    database_user text NOT NULL DEFAULT session_user,
    action text NOT NULL CHECK (action IN ('reveal', 'replay', 'discard', 'expire')),
    subject text NOT NULL,
    letters bigint NOT NULL,
    why text NOT NULL DEFAULT ''
);
