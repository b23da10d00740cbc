DROP TABLE dead_letter_audit;
DROP INDEX dead_letters_once, dead_letters_groups, dead_letters_age;
ALTER TABLE dead_letters
    DROP COLUMN dlq_id, DROP COLUMN form, DROP COLUMN consumer, DROP COLUMN kind, DROP COLUMN fingerprint,
    DROP COLUMN original_partition, DROP COLUMN original_offset, DROP COLUMN original_key, DROP COLUMN headers,
    DROP COLUMN metadata, DROP COLUMN traceparent, DROP COLUMN first_failed_at, DROP COLUMN attempts,
    DROP COLUMN state, DROP COLUMN state_at;
DELETE FROM dead_letters AS later USING dead_letters AS earlier
    WHERE later.topic = earlier.topic AND later.payload = earlier.payload AND later.id > earlier.id;
CREATE UNIQUE INDEX dead_letters_once ON dead_letters (topic, sha256(payload));
