-- A user's sessions are listed by when they began, the newest first. It replaces the index on the user alone.
CREATE INDEX sessions_user_id_created_at_idx ON sessions (user_id, created_at, id);
DROP INDEX sessions_user_id_idx;

-- The networks that a user has logged in from: a login from another one is worth a mail.
CREATE TABLE user_networks (
    user_id      BIGINT NOT NULL,
    network      TEXT NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, network),
    CONSTRAINT user_networks_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
