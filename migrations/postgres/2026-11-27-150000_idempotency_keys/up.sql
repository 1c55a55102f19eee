-- The answers to requests with an Idempotency-Key, written in the transaction of their effect.
CREATE TABLE idempotency_keys (
    user_id     BIGINT NOT NULL,
    operation   TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer      TEXT NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, operation, key),
    CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
-- Expired ones are deleted every day.
CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);
