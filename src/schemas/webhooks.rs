//! Webhooks, their deliveries and their events.

use groundwork_clock::Timestamp;
use groundwork_web::error::FieldError;
use groundwork_web::extract::RequestSchema;
use groundwork_web::responses::Located;
use groundwork_web::schema::{Nullable, Patch};
use groundwork_web::{enum_schema, id_schema, listed, located, text_schema};
use poem_openapi::Object;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};

use super::users::UserView;
use crate::domain::webhooks::{
    DeliveryId, DeliveryStatus, DisabledReason, EventType, WebhookDescription, WebhookEvents, WebhookId,
    WebhookUrl, invalid_events,
};
use crate::models::webhook_deliveries::WebhookDelivery;
use crate::models::webhooks::{NewWebhook, Webhook, WebhookChanges};

id_schema!(WebhookId, "webhook_id", "The webhook's ID.");
id_schema!(DeliveryId, "delivery_id", "The delivery's ID.");
text_schema!(WebhookUrl, "webhook_url", example: "https://example.com/hooks");
text_schema!(WebhookDescription, "webhook_description", example: "The customer database.");
enum_schema!(DisabledReason, "WebhookDisabledReason", "Why a webhook is disabled.");
enum_schema!(DeliveryStatus, "WebhookDeliveryStatus", "What has become of a delivery.");
enum_schema!(EventType, "UserEventType", "What happened to the user.");

/// When the examples happen.
const EXAMPLE_TIME: Timestamp = Timestamp::from_seconds(1_769_851_800);

/// A webhook: where events are sent.
#[derive(Object, Serialize)]
#[oai(rename = "Webhook", example, remote = "Webhook")]
pub struct WebhookView {
    /// The webhook's ID. It is never reused.
    pub id: WebhookId,
    /// Where events are sent, in its normalized form.
    #[oai(validator(max_length = 2048))]
    pub url: String,
    /// The types of the events that it gets. `*` stands for all, later ones included.
    pub events: EventNames,
    /// What it is for, or null.
    pub description: Nullable<String>,
    /// Whether events are sent.
    pub is_active: bool,
    /// When it was disabled, or null while it is active.
    pub disabled_at: Nullable<Timestamp>,
    /// Why it is disabled, or null while it is active: `manual` by a superuser, `failing` because
    /// nothing could be delivered for three days, `gone` because the receiver answered 410.
    pub disabled_reason: Nullable<DisabledReason>,
    /// When the first attempt failed since the last delivery, or null if none did.
    pub failing_since: Nullable<Timestamp>,
    /// Until when the previous secret signs as well, or null if there is none.
    pub previous_secret_expires_at: Nullable<Timestamp>,
    /// When the webhook was created.
    pub created_at: Timestamp,
    /// When the webhook was last changed by a superuser.
    pub updated_at: Timestamp,
}

example!(WebhookView {
    id: WebhookId(1),
    url: "https://example.com/hooks".to_owned(),
    events: EventNames::example(),
    description: Nullable(Some("The customer database.".to_owned())),
    is_active: true,
    disabled_at: Nullable(None),
    disabled_reason: Nullable(None),
    failing_since: Nullable(None),
    previous_secret_expires_at: Nullable(None),
    created_at: EXAMPLE_TIME,
    updated_at: EXAMPLE_TIME,
});

located!(WebhookView, "/webhooks");
listed!(WebhookView, "webhooks", "in ascending order of `id`, unless `sort` asks for another");

name_list!(EventNames(WebhookEvents): [EventType::UserCreated, EventType::UserDeleted]);

/// A webhook with its new secret, which is never shown again.
#[derive(Object, Serialize)]
#[oai(rename = "WebhookWithSecret", example)]
pub struct WebhookWithSecret {
    #[oai(flatten)]
    #[serde(flatten)]
    pub webhook: WebhookView,
    /// The secret that signs messages to this webhook (Standard Webhooks 1.0). Store it where the
    /// receiver verifies them.
    #[oai(validator(max_length = 100))]
    pub secret: String,
}

example!(WebhookWithSecret {
    webhook: WebhookView::example(),
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
});

impl Located for WebhookWithSecret {
    fn path(&self) -> String {
        self.webhook.path()
    }
}

impl From<(Webhook, SecretString)> for WebhookWithSecret {
    fn from((webhook, secret): (Webhook, SecretString)) -> Self {
        Self { webhook: webhook.into(), secret: secret.expose_secret().to_owned() }
    }
}

/// The webhook to create.
#[derive(Object, Debug)]
#[oai(remote = "NewWebhook")]
pub struct WebhookCreate {
    /// Where events are sent: an https URL without user name, password and fragment, whose host is in
    /// no private network.
    pub url: WebhookUrl,
    /// The types of the events that it gets, as they are named under `webhooks` in this document. `*`
    /// stands for all, later ones included.
    pub events: EventNames,
    /// What it is for.
    pub description: Option<WebhookDescription>,
    /// Whether events are sent.
    #[oai(default = "active")]
    pub is_active: bool,
}

fn active() -> bool {
    true
}

/// Changes to a webhook. Absent fields stay unchanged.
#[derive(Object, Debug)]
pub struct WebhookUpdate {
    /// The new URL.
    pub url: Option<WebhookUrl>,
    /// The new list of events.
    pub events: Option<EventNames>,
    /// The new description; null clears it.
    pub description: Patch<WebhookDescription>,
    /// Whether events are sent. False ends the deliveries that are pending.
    pub is_active: Option<bool>,
}

impl From<WebhookUpdate> for WebhookChanges {
    fn from(update: WebhookUpdate) -> Self {
        let WebhookUpdate { url, events, description, is_active } = update;
        Self { url, events: events.map(Into::into), description: description.into(), is_active }
    }
}

/// What the schemas do not state.
fn check(body: &Map<String, Value>) -> Vec<FieldError> {
    let Some(events) = body.get("events").and_then(Value::as_array) else { return Vec::new() };
    let names: Vec<_> = events.iter().filter_map(Value::as_str).collect();
    invalid_events(&names).map(|problem| FieldError::new("events", "known", problem)).into_iter().collect()
}

impl RequestSchema for WebhookCreate {
    const REFUSED: &'static [&'static str] = &["id", "secret"];

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check(body)
    }
}

impl RequestSchema for WebhookUpdate {
    const REFUSED: &'static [&'static str] = &["id", "secret"];

    fn check(body: &Map<String, Value>) -> Vec<FieldError> {
        check(body)
    }
}

/// A message to a webhook, with its last attempt.
#[derive(Object, Serialize)]
#[oai(rename = "WebhookDelivery", example, remote = "WebhookDelivery")]
pub struct WebhookDeliveryView {
    /// The delivery's ID. It is never reused.
    pub id: DeliveryId,
    /// The header `webhook-id`: the same for every attempt, and when the message is sent again.
    #[oai(validator(max_length = 64))]
    pub event_id: String,
    /// The type of the event.
    #[oai(validator(max_length = 40))]
    pub event_type: String,
    /// What has become of it: `pending` if it is sent soon or again later, `delivered`, or `failed` if
    /// it is not sent any more.
    pub status: DeliveryStatus,
    /// How often it was sent.
    pub attempts: i64,
    /// The status of the receiver's last response, or null if there was none.
    pub response_status: Nullable<i64>,
    /// How long the last attempt took in milliseconds, or null if nothing was sent.
    pub duration_ms: Nullable<i64>,
    /// The first 1,024 bytes of the receiver's last response, or null if there was none.
    #[oai(validator(max_length = 1024))]
    pub response_body: Nullable<String>,
    /// Why there was no response to the last attempt, or null.
    pub error: Nullable<String>,
    /// When the delivery was created.
    pub created_at: Timestamp,
    /// When it was delivered or failed, or null while it is pending.
    pub finished_at: Nullable<Timestamp>,
}

example!(WebhookDeliveryView {
    id: DeliveryId(1),
    event_id: "msg_bGVmdHJpZ2h0bGVmdHJpZw".to_owned(),
    event_type: EventType::UserCreated.as_str().to_owned(),
    status: DeliveryStatus::Delivered,
    attempts: 1,
    response_status: Nullable(Some(200)),
    duration_ms: Nullable(Some(42)),
    response_body: Nullable(Some("ok".to_owned())),
    error: Nullable(None),
    created_at: EXAMPLE_TIME,
    finished_at: Nullable(Some(EXAMPLE_TIME)),
});

listed!(WebhookDeliveryView, "deliveries", "in descending order of `id`, unless `sort` asks for another");

/// Something that happened to a user.
#[derive(Object)]
#[oai(example)]
pub struct UserEvent {
    /// What happened.
    pub r#type: EventType,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The user after it happened; a deleted user as it was.
    pub data: UserView,
}

example!(UserEvent { r#type: EventType::UserCreated, timestamp: EXAMPLE_TIME, data: UserView::example() });

/// An event that a superuser sent to try a webhook.
#[derive(Object)]
#[oai(example)]
pub struct TestEvent {
    /// `webhook.test`.
    #[oai(validator(pattern = "^webhook\\.test$"))]
    pub r#type: String,
    /// When it was sent.
    pub timestamp: Timestamp,
    /// Which webhook is tried.
    pub data: TestEventData,
}

/// Which webhook is tried.
#[derive(Object)]
#[oai(example)]
pub struct TestEventData {
    /// The ID of the webhook.
    pub webhook_id: WebhookId,
}

example!(TestEventData { webhook_id: WebhookId(1) });
example!(TestEvent {
    r#type: crate::domain::webhooks::TEST_EVENT.to_owned(),
    timestamp: EXAMPLE_TIME,
    data: TestEventData::example(),
});
