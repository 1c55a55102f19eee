ALTER TABLE audit_events DROP COLUMN webhook_id;
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
