-- Browsers that exchanged a key for a cookie; withdrawing the key ends them.
CREATE TABLE api_sessions (
    hash bytea PRIMARY KEY,
    key_id bigint NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
