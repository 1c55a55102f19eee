-- Where events are sent. The secrets sign messages, so they cannot be stored as hashes.
CREATE TABLE webhooks (
    id                         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    url                        TEXT NOT NULL,
    events                     TEXT_ARRAY NOT NULL,
    description                TEXT,
    secret                     TEXT NOT NULL,
    previous_secret            TEXT,
    previous_secret_expires_at BIGINT,
    is_active                  BOOLEAN NOT NULL,
    disabled_at                BIGINT,
    disabled_reason            TEXT,
    failing_since              BIGINT,
    created_at                 BIGINT NOT NULL,
    updated_at                 BIGINT NOT NULL
);
-- Each change of a user asks whether there is one.
CREATE INDEX webhooks_active_idx ON webhooks (id) WHERE is_active;

-- One message to one webhook, with all its attempts.
CREATE TABLE webhook_deliveries (
    id              INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    webhook_id      BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id        TEXT NOT NULL,
    event_type      TEXT NOT NULL,
    occurred_at     BIGINT NOT NULL,
    data            TEXT NOT NULL,
    status          TEXT NOT NULL,
    attempts        BIGINT NOT NULL,
    response_status BIGINT,
    duration_ms     BIGINT,
    response_body   TEXT,
    error           TEXT,
    created_at      BIGINT NOT NULL,
    finished_at     BIGINT
);
CREATE INDEX webhook_deliveries_webhook_id_idx ON webhook_deliveries (webhook_id, id);
-- Finished deliveries are deleted after a while.
CREATE INDEX webhook_deliveries_finished_at_idx ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;

