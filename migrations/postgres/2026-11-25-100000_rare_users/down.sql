DROP INDEX users_inactive_idx;
DROP INDEX users_superusers_idx;
