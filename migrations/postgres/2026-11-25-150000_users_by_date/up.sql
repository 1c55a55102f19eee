-- Lists by dates are in the order of dates: where the first one is, nothing else tells without reading those before it.
CREATE INDEX users_created_at_idx ON users (created_at, id);
CREATE INDEX users_superusers_created_at_idx ON users (created_at, id) WHERE is_superuser;
CREATE INDEX users_inactive_created_at_idx ON users (created_at, id) WHERE NOT is_active;
