ALTER TABLE sessions DROP COLUMN unused_access_hash;
