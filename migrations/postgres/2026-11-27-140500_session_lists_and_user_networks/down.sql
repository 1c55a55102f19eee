DROP TABLE user_networks;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
DROP INDEX sessions_user_id_created_at_idx;
