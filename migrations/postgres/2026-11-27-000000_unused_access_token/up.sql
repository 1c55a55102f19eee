-- The hash of the access token that the last refresh issued, until it is first used. Until then the refresh token before
-- the newest may be presented again: the client has lost the response.
ALTER TABLE sessions ADD COLUMN unused_access_hash BYTEA;
