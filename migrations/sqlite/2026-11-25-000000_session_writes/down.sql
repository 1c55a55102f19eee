ALTER TABLE sessions DROP COLUMN wrote_at;
