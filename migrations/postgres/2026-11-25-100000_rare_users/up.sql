-- Superusers and closed accounts are few among many: listing them must not walk through all the others.
CREATE INDEX users_superusers_idx ON users (id) WHERE is_superuser;
CREATE INDEX users_inactive_idx ON users (id) WHERE NOT is_active;
