-- AUTOINCREMENT: the number of a deleted user is never given again, so an old token cannot reach a new account.
CREATE TABLE users (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    email         TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    full_name     TEXT,
    is_active     BOOLEAN NOT NULL,
    is_superuser  BOOLEAN NOT NULL,
    is_verified   BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    CONSTRAINT users_email_key UNIQUE (email)
);

-- One row a log-in: the family of its refresh tokens, of which only the newest is good.
CREATE TABLE sessions (
    id                  BLOB NOT NULL PRIMARY KEY,
    user_id             BIGINT NOT NULL,
    token_hash          BLOB NOT NULL,
    previous_token_hash BLOB,
    generation          BIGINT NOT NULL,
    ip                  TEXT NOT NULL,
    user_agent          TEXT,
    created_at          BIGINT NOT NULL,
    last_used_at        BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    revoked_at          BIGINT,
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

-- What happened to accounts and sessions. It outlives both, so nothing refers to them by key.
CREATE TABLE audit_events (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    occurred_at BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    actor_id    BIGINT,
    user_id     BIGINT,
    session_id  BLOB,
    ip          TEXT NOT NULL,
    request_id  TEXT NOT NULL
);
CREATE INDEX audit_events_user_id_idx ON audit_events (user_id);
