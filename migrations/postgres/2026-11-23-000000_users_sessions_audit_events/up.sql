-- Emails are compared byte by byte in their normalised form; "C" makes the unique index serve prefix searches too.
CREATE TABLE users (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         TEXT COLLATE "C" NOT NULL,
    password_hash TEXT NOT NULL,
    full_name     TEXT,
    is_active     BOOLEAN NOT NULL,
    is_superuser  BOOLEAN NOT NULL,
    is_verified   BOOLEAN NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    CONSTRAINT users_email_key UNIQUE (email)
);

-- One row a log-in: the family of its refresh tokens, of which only the newest is good.
CREATE TABLE sessions (
    id                  BYTEA NOT NULL PRIMARY KEY,
    user_id             BIGINT NOT NULL,
    token_hash          BYTEA NOT NULL,
    previous_token_hash BYTEA,
    generation          BIGINT NOT NULL,
    ip                  TEXT NOT NULL,
    user_agent          TEXT,
    created_at          TIMESTAMPTZ NOT NULL,
    last_used_at        TIMESTAMPTZ NOT NULL,
    expires_at          TIMESTAMPTZ NOT NULL,
    revoked_at          TIMESTAMPTZ,
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

-- What happened to accounts and sessions. It outlives both, so nothing refers to them by key.
CREATE TABLE audit_events (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at TIMESTAMPTZ NOT NULL,
    kind        TEXT NOT NULL,
    actor_id    BIGINT,
    user_id     BIGINT,
    session_id  BYTEA,
    ip          TEXT NOT NULL,
    request_id  TEXT NOT NULL
);
CREATE INDEX audit_events_user_id_idx ON audit_events (user_id);
