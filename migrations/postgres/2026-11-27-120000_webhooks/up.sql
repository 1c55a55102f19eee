-- Where events are sent. The secrets sign messages, so they cannot be stored as hashes.
CREATE TABLE webhooks (
    id                         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url                        TEXT NOT NULL,
    events                     TEXT[] NOT NULL,
    description                TEXT,
    secret                     TEXT NOT NULL,
    previous_secret            TEXT,
    previous_secret_expires_at TIMESTAMPTZ,
    is_active                  BOOLEAN NOT NULL,
    disabled_at                TIMESTAMPTZ,
    disabled_reason            TEXT,
    failing_since              TIMESTAMPTZ,
    created_at                 TIMESTAMPTZ NOT NULL,
    updated_at                 TIMESTAMPTZ NOT NULL
);
-- Each change of a user asks whether there is one.
CREATE INDEX webhooks_active_idx ON webhooks (id) WHERE is_active;

-- One message to one webhook, with all its attempts.
CREATE TABLE webhook_deliveries (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id      BIGINT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id        TEXT NOT NULL,
    event_type      TEXT NOT NULL,
    occurred_at     TIMESTAMPTZ NOT NULL,
    data            TEXT NOT NULL,
    status          TEXT NOT NULL,
    attempts        BIGINT NOT NULL,
    response_status BIGINT,
    duration_ms     BIGINT,
    response_body   TEXT,
    error           TEXT,
    created_at      TIMESTAMPTZ NOT NULL,
    finished_at     TIMESTAMPTZ
);
CREATE INDEX webhook_deliveries_webhook_id_idx ON webhook_deliveries (webhook_id, id);
-- Finished deliveries are deleted after a while.
CREATE INDEX webhook_deliveries_finished_at_idx ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;

