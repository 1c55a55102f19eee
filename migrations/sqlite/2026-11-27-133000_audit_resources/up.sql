-- What was changed, if it is no user: the id of a job, for the kinds of jobs.
ALTER TABLE audit_events ADD COLUMN resource_id BIGINT;
