-- Work to be done after the response. A job is written in the transaction of the change that it belongs to.
CREATE TABLE jobs (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind             TEXT NOT NULL,
    payload          TEXT NOT NULL,
    status           TEXT NOT NULL,
    priority         BIGINT NOT NULL,
    attempts         BIGINT NOT NULL,
    max_attempts     BIGINT NOT NULL,
    run_at           TIMESTAMPTZ NOT NULL,
    lease            BYTEA,
    lease_expires_at TIMESTAMPTZ,
    dedupe_key       TEXT,
    period_at        TIMESTAMPTZ,
    last_error       TEXT,
    traceparent      TEXT,
    created_at       TIMESTAMPTZ NOT NULL,
    finished_at      TIMESTAMPTZ
);
-- The jobs that a worker claims, and the leases that may have run out: neither reads a finished job.
CREATE INDEX jobs_due_idx ON jobs (priority, run_at, id) WHERE status = 'queued';
CREATE INDEX jobs_leases_idx ON jobs (lease_expires_at) WHERE status = 'running';
-- Lists of failed jobs, which are few among many, and of jobs of one kind.
CREATE INDEX jobs_dead_idx ON jobs (id) WHERE status = 'dead';
CREATE INDEX jobs_kind_idx ON jobs (kind, id);
-- Of jobs with one key, one at a time waits or runs.
CREATE UNIQUE INDEX jobs_kind_dedupe_key_key ON jobs (kind, dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('queued', 'running');
-- A periodic job runs once per period, whichever instance enqueues it, also after it has finished.
CREATE UNIQUE INDEX jobs_kind_period_at_key ON jobs (kind, period_at) WHERE period_at IS NOT NULL;
