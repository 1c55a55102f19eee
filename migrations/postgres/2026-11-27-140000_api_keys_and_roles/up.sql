-- The role of a user who is no superuser. The previous release writes is_superuser alone, so that it decides.
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'user';

-- Credentials of services. The key itself is not stored: 256 random bits need no slow hash.
CREATE TABLE api_keys (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      BIGINT NOT NULL,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    key_hash     BYTEA NOT NULL,
    scopes       TEXT[] NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    wrote_at     TIMESTAMPTZ,
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id, id);

-- Which key the actor used, if it was one. It outlives the key, as the event does.
ALTER TABLE audit_events ADD COLUMN api_key_id BIGINT;
