//! Webhooks, managed by superusers.

mod delivery;
mod events;

use groundwork_auth::Page;
use groundwork_database::Connection;
use groundwork_http_client::CallError;
use groundwork_jobs::NewJob;
use groundwork_telemetry::context::CallContext;
use groundwork_webhooks::{EndpointUrl, EventId, Networks, ROTATION, Secret, Sender};
use secrecy::SecretString;
use serde_json::json;

use super::Error;
use super::auth::Caller;
use super::idempotency::Idempotency;
use super::precondition::Precondition;
use super::store::Store;
use crate::domain::sort::Sort;
use crate::domain::webhooks::{DeliveryId, DisabledReason, TEST_EVENT, WebhookId, WebhookUrl};
use crate::models::audit_events::{self, AuditEvent, AuditKind};
use crate::models::webhook_deliveries::{self, Message, WebhookDelivery};
use crate::models::webhooks::{self, NewWebhook, Webhook, WebhookChanges, WebhookHealth};
pub use delivery::{DeliverWebhook, DeliveryCounters};
pub use events::DispatchEvent;

const NOT_FOUND: Error = Error::NotFound("webhook");
const DELIVERY_NOT_FOUND: Error = Error::NotFound("delivery");

#[derive(Clone)]
pub struct WebhookService {
    pub store: Store,
    pub sender: Sender,
    /// Where webhooks may lead.
    pub networks: Networks,
    pub counters: DeliveryCounters,
}

impl WebhookService {
    /// Lists webhooks, the oldest first unless asked otherwise, starting at `page_token`.
    ///
    /// # Errors
    /// [`Error::InvalidPageToken`] if the token was not issued for this list.
    pub async fn list(
        &self,
        caller: &Caller,
        sort: Option<Sort>,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<Webhook>, Error> {
        let list = Sort::list_name("webhooks", sort);
        let after = self.store.page_signer.after_id(&list, page_token)?.map(WebhookId);
        let mut connection = self.store.read_as(caller);
        let webhooks =
            webhooks::page(&mut connection, sort.unwrap_or(Sort::OldestFirst), after, i64::from(limit) + 1)
                .await?;
        Ok(self.store.page_signer.page(&list, webhooks, limit, |webhook| vec![webhook.id.0]))
    }

    /// Creates a webhook, and its secret, which is never shown again.
    ///
    /// # Errors
    /// [`Error::WebhookUrl`].
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewWebhook,
        context: &CallContext,
    ) -> Result<(Webhook, SecretString), Error> {
        let new = NewWebhook { url: self.checked(&new.url).await?, ..new };
        let (secret, now) = (Secret::generate()?.to_text(), self.store.now());
        let health = if new.is_active {
            WebhookHealth::WORKING
        } else {
            WebhookHealth::disabled(DisabledReason::Manual, now, None)
        };
        let webhook = self
            .store
            .transaction_for(caller, async |tx| {
                let webhook = webhooks::insert(tx, &new, &secret, &health, now).await?;
                let event = AuditEvent::new(AuditKind::WEBHOOK_CREATED, webhook.id, context).by(caller);
                audit_events::insert(tx, &event, now).await?;
                Ok(webhook)
            })
            .await?;
        Ok((webhook, secret))
    }

    /// The URL in its normalized form, if messages may be sent to it now. No connection to the
    /// database is held meanwhile.
    async fn checked(&self, url: &WebhookUrl) -> Result<WebhookUrl, Error> {
        let endpoint = EndpointUrl::parse(url.as_str(), self.networks)
            .map_err(|error| Error::WebhookUrl(error.to_string()))?;
        self.sender.check(&endpoint).await.map_err(|error| {
            Error::WebhookUrl(match error {
                CallError::AddressRefused => "must not lead to a private network".to_owned(),
                _ => "must have a host that can be resolved".to_owned(),
            })
        })?;
        WebhookUrl::parse(&endpoint.to_string()).map_err(|error| Error::WebhookUrl(error.to_string()))
    }

    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Error> {
        webhooks::find(&mut self.store.read_as(caller), id).await?.ok_or(NOT_FOUND)
    }

    /// Changes a webhook. Disabling it ends its pending deliveries.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::WebhookUrl`], [`Error::PreconditionFailed`].
    pub async fn update(
        &self,
        caller: &Caller,
        id: WebhookId,
        changes: WebhookChanges,
        precondition: &Precondition<Webhook>,
        context: &CallContext,
    ) -> Result<Webhook, Error> {
        let url = match &changes.url {
            Some(url) => Some(self.checked(url).await?),
            None => None,
        };
        let (changes, now) = (WebhookChanges { url, ..changes }, self.store.now());
        self.store
            .transaction_for(caller, async |tx| {
                let before = webhooks::find_for_update(tx, id).await?.ok_or(NOT_FOUND)?;
                precondition.check(&before)?;
                let mut after = webhooks::update(tx, id, &changes, now).await?.ok_or(NOT_FOUND)?;
                if before.is_active != after.is_active {
                    let health = if after.is_active {
                        WebhookHealth::WORKING
                    } else {
                        WebhookHealth::disabled(DisabledReason::Manual, now, before.failing_since)
                    };
                    after = webhooks::set_health(tx, id, &health).await?.ok_or(NOT_FOUND)?;
                }
                if !after.is_active {
                    webhook_deliveries::end_pending(tx, id, now).await?;
                }
                let event = AuditEvent::new(AuditKind::WEBHOOK_UPDATED, id, context).by(caller);
                audit_events::insert(tx, &event, now).await?;
                Ok(after)
            })
            .await
    }

    /// Deletes a webhook with its deliveries.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PreconditionFailed`].
    pub async fn delete(
        &self,
        caller: &Caller,
        id: WebhookId,
        precondition: &Precondition<Webhook>,
        context: &CallContext,
    ) -> Result<(), Error> {
        let now = self.store.now();
        self.store
            .transaction_for(caller, async |tx| {
                if !precondition.is_none() {
                    let before = webhooks::find_for_update(tx, id).await?.ok_or(NOT_FOUND)?;
                    precondition.check(&before)?;
                }
                if !webhooks::delete(tx, id).await? {
                    return Err(NOT_FOUND);
                }
                let event = AuditEvent::new(AuditKind::WEBHOOK_DELETED, id, context).by(caller);
                Ok(audit_events::insert(tx, &event, now).await?)
            })
            .await
    }

    /// Gives a webhook a new secret, which is never shown again. The present one signs beside it
    /// for [`ROTATION`].
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn rotate_secret(
        &self,
        caller: &Caller,
        id: WebhookId,
        context: &CallContext,
    ) -> Result<(Webhook, SecretString), Error> {
        let (secret, now) = (Secret::generate()?.to_text(), self.store.now());
        let webhook = self
            .store
            .transaction_for(caller, async |tx| {
                let expires_at = now.plus(ROTATION);
                let rotated = webhooks::rotate_secret(tx, id, &secret, expires_at, now).await?;
                let event = AuditEvent::new(AuditKind::WEBHOOK_SECRET_ROTATED, id, context).by(caller);
                let rotated = rotated.ok_or(NOT_FOUND)?;
                audit_events::insert(tx, &event, now).await?;
                Ok(rotated)
            })
            .await?;
        Ok((webhook, secret))
    }

    /// Sends an event that tries a webhook, also if it is disabled.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of an idempotency key.
    pub async fn test(
        &self,
        caller: &Caller,
        id: WebhookId,
        idempotency: &Idempotency<WebhookDelivery>,
        context: &CallContext,
    ) -> Result<WebhookDelivery, Error> {
        let message = Message {
            event_id: EventId::generate()?.as_str().to_owned(),
            event_type: TEST_EVENT.to_owned(),
            occurred_at: self.store.now(),
            data: json!({ "webhook_id": id }).to_string(),
        };
        let event = AuditEvent::new(AuditKind::WEBHOOK_TESTED, id, context);
        self.send(caller, id, event, idempotency, async |_| Ok(message.clone())).await
    }

    /// Sends the message of a delivery again, with the same event ID, as a delivery of its own, also
    /// if the webhook is disabled.
    ///
    /// # Errors
    /// [`Error::NotFound`]; those of an idempotency key.
    pub async fn resend(
        &self,
        caller: &Caller,
        id: WebhookId,
        delivery: DeliveryId,
        idempotency: &Idempotency<WebhookDelivery>,
        context: &CallContext,
    ) -> Result<WebhookDelivery, Error> {
        let event = AuditEvent::new(AuditKind::WEBHOOK_DELIVERY_RESENT, id, context);
        self.send(caller, id, event, idempotency, async |tx| {
            webhook_deliveries::find_message(tx, id, delivery).await?.ok_or(DELIVERY_NOT_FOUND)
        })
        .await
    }

    async fn send(
        &self,
        caller: &Caller,
        id: WebhookId,
        event: AuditEvent<'_>,
        idempotency: &Idempotency<WebhookDelivery>,
        message: impl AsyncFnOnce(&mut Connection) -> Result<Message, Error> + Clone,
    ) -> Result<WebhookDelivery, Error> {
        let once = self.store.begin(caller, idempotency).await?;
        let now = self.store.now();
        self.store
            .transaction_for(caller, async |tx| {
                let send = async |tx: &mut Connection| {
                    webhooks::find_for_update(tx, id).await?.ok_or(NOT_FOUND)?;
                    let message = message(tx).await?;
                    let delivery = webhook_deliveries::insert(tx, id, &message, now).await?;
                    let job = DeliverWebhook { delivery: delivery.id.0 };
                    self.store.enqueue(tx, &NewJob::new(&job)).await?;
                    audit_events::insert(tx, &event.by(caller), now).await?;
                    Ok(delivery)
                };
                once.run(tx, send).await
            })
            .await
    }

    /// Lists the deliveries of a webhook, the newest first unless asked otherwise, starting at
    /// `page_token`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InvalidPageToken`] if the token was not issued for this list.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: WebhookId,
        sort: Option<Sort>,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<WebhookDelivery>, Error> {
        let list = Sort::list_name(&format!("webhook deliveries {id}"), sort);
        let after = self.store.page_signer.after_id(&list, page_token)?.map(DeliveryId);
        let mut connection = self.store.read_as(caller);
        let (order, limit_and_one) = (sort.unwrap_or(Sort::NewestFirst), i64::from(limit) + 1);
        let deliveries = webhook_deliveries::page(&mut connection, id, order, after, limit_and_one).await?;
        if deliveries.is_empty() && webhooks::find(&mut connection, id).await?.is_none() {
            return Err(NOT_FOUND);
        }
        Ok(self.store.page_signer.page(&list, deliveries, limit, |delivery| vec![delivery.id.0]))
    }
}
