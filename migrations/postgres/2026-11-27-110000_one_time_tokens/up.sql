-- The tokens of the links in mails: of each kind only the newest, which is deleted when it is used.
CREATE TABLE one_time_tokens (
    user_id    BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    email      TEXT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, kind),
    CONSTRAINT one_time_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
