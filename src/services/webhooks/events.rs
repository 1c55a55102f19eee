//! Events: what happened to users, on its way to webhooks.

use groundwork_clock::Timestamp;
use groundwork_database::Connection;
use groundwork_jobs::{Job, NewJob};
use groundwork_webhooks::EventId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WebhookService;
use super::delivery::DeliverWebhook;
use crate::domain::webhooks::{EventType, is_subscribed};
use crate::models::users::{Profile, User, Written};
use crate::models::webhook_deliveries::{self, Message};
use crate::models::webhooks;
use crate::services::Error;
use crate::services::store::Store;

/// Lets webhooks know of one change. It is one job, however many events the change has, and however
/// many webhooks there are.
#[derive(Debug, Serialize, Deserialize)]
pub struct DispatchEvent {
    events: Vec<QueuedEvent>,
    timestamp: Timestamp,
    /// The user, as the API shows it.
    data: Value,
}

#[derive(Debug, Serialize, Deserialize)]
struct QueuedEvent {
    /// Chosen here, so that a job that runs twice sends the same.
    id: String,
    r#type: String,
}

impl Job for DispatchEvent {
    const KIND: &'static str = "dispatch_event";
}

impl Store {
    /// Enqueues events of a user in the unit of work that wrote it, if there is a webhook.
    ///
    /// # Errors
    /// [`Error::Randomness`], and those of the database.
    pub(in crate::services) async fn announce(
        &self,
        tx: &mut Connection,
        events: &[EventType],
        Written { user, has_webhooks }: &Written,
    ) -> Result<(), Error> {
        self.note_webhooks(*has_webhooks);
        if !has_webhooks || events.is_empty() {
            return Ok(());
        }
        let queued = |event: &EventType| {
            let id = EventId::generate()?.as_str().to_owned();
            Ok(QueuedEvent { id, r#type: event.as_str().to_owned() })
        };
        let job = DispatchEvent {
            events: events.iter().map(queued).collect::<Result<_, Error>>()?,
            timestamp: self.now(),
            data: serde_json::to_value(&user.profile).map_err(|error| Error::Event(error.into()))?,
        };
        Ok(self.enqueue(tx, &NewJob::new(&job)).await?)
    }

    /// Enqueues the events of an update.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    pub(in crate::services) async fn announce_update(
        &self,
        tx: &mut Connection,
        before: &User,
        after: &Written,
    ) -> Result<(), Error> {
        self.announce(tx, &events_of_update(before, &after.user), after).await
    }
}

/// What an update is to webhooks; nothing if it changed nothing but the time.
fn events_of_update(before: &User, after: &User) -> Vec<EventType> {
    use EventType as Event;
    let otherwise = Profile { updated_at: before.updated_at, ..after.profile.clone() };
    let events = [
        (before.profile != otherwise, Event::UserUpdated),
        (!before.is_active && after.is_active, Event::UserActivated),
        (before.is_active && !after.is_active, Event::UserDeactivated),
        (!before.is_verified && after.is_verified, Event::UserEmailVerified),
        (before.password_hash != after.password_hash, Event::UserPasswordChanged),
    ];
    events.into_iter().filter_map(|(has_happened, event)| has_happened.then_some(event)).collect()
}

impl WebhookService {
    /// Makes a delivery of each event for each webhook that wants it. If it runs twice, webhooks get
    /// the event twice, with the same ID.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn dispatch(&self, job: DispatchEvent) -> Result<(), Error> {
        let (data, now) = (job.data.to_string(), self.store.now());
        self.store
            .transaction_without_caller(async |tx| {
                let subscriptions = webhooks::subscriptions(tx).await?;
                for event in &job.events {
                    // A later release may have enqueued an event that this one does not know.
                    let Ok(event_type) = EventType::parse(&event.r#type) else { continue };
                    let message = Message {
                        event_id: event.id.clone(),
                        event_type: event.r#type.clone(),
                        occurred_at: job.timestamp,
                        data: data.clone(),
                    };
                    for (webhook, events) in &subscriptions {
                        if is_subscribed(events, event_type) {
                            let delivery = webhook_deliveries::insert(tx, *webhook, &message, now).await?;
                            let deliver = DeliverWebhook { delivery: delivery.id.0 };
                            self.store.enqueue(tx, &NewJob::new(&deliver)).await?;
                        }
                    }
                }
                Ok(())
            })
            .await
    }
}
