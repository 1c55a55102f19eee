//! Attempts to deliver messages, and what follows from them.

use std::time::Duration;

use groundwork_clock::Timestamp;
use groundwork_jobs::{Job, NewJob, Priority};
use groundwork_webhooks::{
    Delivery, Endpoint, EndpointUrl, Event, EventId, Outcome, ROTATION, Secret, SigningKeys, next_delay,
};
use metrics::Counter;
use serde::{Deserialize, Serialize};

use super::WebhookService;
use crate::domain::webhooks::{DeliveryId, DeliveryStatus, DisabledReason, WebhookId};
use crate::models::webhook_deliveries::{self, LastAttempt, Message};
use crate::models::webhooks::{self, Webhook, WebhookEndpoint, WebhookHealth};
use crate::services::{Error, WEBHOOK_ATTEMPTS, WEBHOOKS_DISABLED};

/// A webhook to which nothing was delivered for so long is disabled. The attempts at one message
/// take longer.
const PATIENCE: Duration = Duration::from_hours(3 * 24);

/// Makes one attempt. It enqueues the next one itself, so a job that fails has met an error of this
/// service, and not of a receiver.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliverWebhook {
    pub(super) delivery: i64,
}

impl Job for DeliverWebhook {
    const KIND: &'static str = "deliver_webhook";
    /// A sender gives up after 15 seconds.
    const TIMEOUT: Option<Duration> = Some(Duration::from_secs(30));
    /// Slow receivers must not delay mail.
    const PRIORITY: Priority = Priority::Low;
}

impl WebhookService {
    /// Sends a message, unless its delivery has ended, and records what came of it.
    ///
    /// # Errors
    /// Those of the database; [`Error::StoredSecret`].
    pub async fn deliver(&self, job: &DeliverWebhook) -> Result<(), Error> {
        let id = DeliveryId(job.delivery);
        // The connection is given back before the call.
        let pending = webhook_deliveries::find_pending(&mut self.store.read(), id).await?;
        let Some((webhook, attempts, message, endpoint)) = pending else { return Ok(()) };
        let attempt = self.attempt(message, endpoint).await?;
        self.record(id, webhook, attempts + 1, &attempt).await
    }

    async fn attempt(&self, message: Message, endpoint: WebhookEndpoint) -> Result<Attempt, Error> {
        let keys = signing_keys(&endpoint)?;
        let url = match EndpointUrl::parse(&endpoint.url, self.networks) {
            Ok(url) => url,
            // The settings have changed since.
            Err(error) => return Ok(Attempt::refused(format!("the URL {error}"))),
        };
        let stored = |error: Box<dyn std::error::Error + Send + Sync>| Error::Event(error);
        let event = Event {
            id: EventId::parse(&message.event_id).map_err(|error| stored(error.into()))?,
            kind: message.event_type,
            timestamp: message.occurred_at,
            data: serde_json::from_str(&message.data).map_err(|error| stored(error.into()))?,
        };
        Ok(self.sender.deliver(&Endpoint { url, keys }, &event).await.into())
    }

    async fn record(
        &self,
        id: DeliveryId,
        webhook: WebhookId,
        number: i64,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let now = self.store.now();
        let disabled = self
            .store
            .transaction_without_caller(async |tx| {
                let Some(webhook) = webhooks::find_for_update(tx, webhook).await? else { return Ok(None) };
                let step = Step::after(attempt.outcome, number, &webhook, now);
                let last = attempt.numbered(number, step.status, now);
                if !webhook_deliveries::record(tx, id, &last).await? {
                    return Ok(None);
                }
                if let Some(delay) = step.retry {
                    let job = DeliverWebhook { delivery: id.0 };
                    self.store.enqueue(tx, &NewJob::new(&job).after(delay)).await?;
                }
                if step.health != WebhookHealth::from(&webhook) {
                    webhooks::set_health(tx, webhook.id, &step.health).await?;
                }
                let is_disabled = webhook.is_active && !step.health.is_active;
                if is_disabled {
                    webhook_deliveries::end_pending(tx, webhook.id, now).await?;
                }
                Ok(step.health.disabled_reason.filter(|_| is_disabled))
            })
            .await?;
        self.counters.count(attempt.outcome, disabled);
        if let Some(reason) = disabled.map(DisabledReason::as_str) {
            tracing::warn!(webhook_id = webhook.0, reason, "a webhook was disabled");
        }
        Ok(())
    }
}

fn signing_keys(endpoint: &WebhookEndpoint) -> Result<SigningKeys, Error> {
    let parse = |text: &str| Secret::parse(text).map_err(Error::StoredSecret);
    let current = parse(&endpoint.secret)?;
    Ok(match (&endpoint.previous_secret, endpoint.previous_secret_expires_at) {
        (Some(previous), Some(expires_at)) => {
            SigningKeys::rotated(current, parse(previous)?, expires_at.minus(ROTATION))
        }
        _ => SigningKeys::new(current),
    })
}

/// Counts attempts, and webhooks that their receivers caused to be disabled.
#[derive(Clone)]
pub struct DeliveryCounters {
    delivered: Counter,
    failed: Counter,
    gone: Counter,
    disabled_as_failing: Counter,
    disabled_as_gone: Counter,
}

impl Default for DeliveryCounters {
    fn default() -> Self {
        let attempts = |outcome: &'static str| metrics::counter!(WEBHOOK_ATTEMPTS, "outcome" => outcome);
        let disabled = |reason: &'static str| metrics::counter!(WEBHOOKS_DISABLED, "reason" => reason);
        Self {
            delivered: attempts("delivered"),
            failed: attempts("failed"),
            gone: attempts("gone"),
            disabled_as_failing: disabled("failing"),
            disabled_as_gone: disabled("gone"),
        }
    }
}

impl DeliveryCounters {
    fn count(&self, outcome: Outcome, disabled: Option<DisabledReason>) {
        let attempts = match outcome {
            Outcome::Delivered => &self.delivered,
            Outcome::Failed => &self.failed,
            Outcome::Gone => &self.gone,
        };
        attempts.increment(1);
        match disabled {
            Some(DisabledReason::Failing) => self.disabled_as_failing.increment(1),
            Some(DisabledReason::Gone) => self.disabled_as_gone.increment(1),
            Some(DisabledReason::Manual) | None => {}
        }
    }
}

/// What came of an attempt.
struct Attempt {
    outcome: Outcome,
    response_status: Option<i64>,
    duration_ms: Option<i64>,
    response_body: Option<String>,
    error: Option<String>,
}

impl From<Delivery> for Attempt {
    fn from(delivery: Delivery) -> Self {
        Self {
            outcome: delivery.outcome,
            response_status: delivery.status.map(i64::from),
            duration_ms: i64::try_from(delivery.duration.as_millis()).ok(),
            response_body: delivery.status.map(|_| delivery.answer),
            error: delivery.error.map(|error| error.to_string()),
        }
    }
}

impl Attempt {
    /// Nothing was sent.
    fn refused(error: String) -> Self {
        Self {
            outcome: Outcome::Failed,
            response_status: None,
            duration_ms: None,
            response_body: None,
            error: Some(error),
        }
    }

    fn numbered(&self, number: i64, status: DeliveryStatus, now: Timestamp) -> LastAttempt {
        LastAttempt {
            status,
            attempts: number,
            response_status: self.response_status,
            duration_ms: self.duration_ms,
            response_body: self.response_body.clone(),
            error: self.error.clone(),
            finished_at: (status != DeliveryStatus::Pending).then_some(now),
        }
    }
}

/// What follows from an attempt.
struct Step {
    status: DeliveryStatus,
    retry: Option<Duration>,
    health: WebhookHealth,
}

impl Step {
    /// `number` is that of the attempt, from 1. What is sent through a disabled webhook is sent
    /// once, and leaves it as it is.
    fn after(outcome: Outcome, number: i64, webhook: &Webhook, now: Timestamp) -> Self {
        let health = WebhookHealth::from(webhook);
        let end = |status, health| Self { status, retry: None, health };
        if !webhook.is_active {
            let is_delivered = outcome == Outcome::Delivered;
            let status = if is_delivered { DeliveryStatus::Delivered } else { DeliveryStatus::Failed };
            return end(status, health);
        }
        let failing_since = webhook.failing_since.unwrap_or(now);
        let disabled = |reason| WebhookHealth::disabled(reason, now, Some(failing_since));
        let failing = WebhookHealth { failing_since: Some(failing_since), ..health };
        match outcome {
            Outcome::Delivered => end(DeliveryStatus::Delivered, WebhookHealth::WORKING),
            Outcome::Gone => end(DeliveryStatus::Failed, disabled(DisabledReason::Gone)),
            Outcome::Failed => match next_delay(u32::try_from(number).unwrap_or(u32::MAX)) {
                Some(delay) => Self { status: DeliveryStatus::Pending, retry: Some(delay), health: failing },
                // Another message may have been delivered meanwhile: then only this one is given up.
                None if now.since(failing_since) < PATIENCE => end(DeliveryStatus::Failed, failing),
                None => end(DeliveryStatus::Failed, disabled(DisabledReason::Failing)),
            },
        }
    }
}
