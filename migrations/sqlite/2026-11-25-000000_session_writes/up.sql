-- When the session last began to write: for a while after it, what it reads comes from the primary.
ALTER TABLE sessions ADD COLUMN wrote_at BIGINT;
