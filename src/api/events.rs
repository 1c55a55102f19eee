//! The events that webhooks get, for the document.
//!
//! poem-openapi's macro `Webhook` takes one webhook per method of HTTP, so its trait is implemented
//! here.

use poem::http::Method;
use poem_openapi::registry::{
    MetaMediaType, MetaOperation, MetaOperationParam, MetaParamIn, MetaRequest, MetaResponse, MetaResponses,
    MetaSchema, MetaSchemaRef, MetaWebhook, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{Tags, Webhook};

use super::v1::Tag;
use crate::domain::webhooks::{EventType, TEST_EVENT};
use crate::schemas::webhooks::{TestEvent, UserEvent};

/// Every event.
pub struct Events;

impl Webhook for Events {
    fn meta() -> Vec<MetaWebhook> {
        let mut webhooks: Vec<_> = EventType::ALL.into_iter().map(user_event).collect();
        webhooks.push(webhook(
            TEST_EVENT,
            "events_webhook_test",
            "A webhook is tried",
            "A superuser sent an event to try this webhook.",
            TestEvent::schema_ref(),
        ));
        webhooks
    }

    fn register(registry: &mut Registry) {
        Tag::Events.register(registry);
        UserEvent::register(registry);
        TestEvent::register(registry);
    }
}

fn user_event(event: EventType) -> MetaWebhook {
    let (id, summary, description) = match event {
        EventType::UserCreated => {
            ("events_user_created", "A user was created", "The user registered, or a superuser created it.")
        }
        EventType::UserUpdated => (
            "events_user_updated",
            "A user was updated",
            "A field of the user changed. If another event stands for the change, both are sent.",
        ),
        EventType::UserDeleted => {
            ("events_user_deleted", "A user was deleted", "The user was deleted, by itself or a superuser.")
        }
        EventType::UserDeactivated => {
            ("events_user_deactivated", "A user was deactivated", "The user can no longer log in.")
        }
        EventType::UserActivated => {
            ("events_user_activated", "A user was activated", "The user can log in again.")
        }
        EventType::UserEmailVerified => (
            "events_user_email_verified",
            "An email address was verified",
            "The email address is now known to belong to the user.",
        ),
        EventType::UserPasswordChanged => (
            "events_user_password_changed",
            "A password was changed",
            "The password of the user was changed, by itself or a superuser.",
        ),
    };
    webhook(event.as_str(), id, summary, description, UserEvent::schema_ref())
}

fn webhook(
    name: &'static str,
    operation_id: &'static str,
    summary: &'static str,
    description: &'static str,
    body: MetaSchemaRef,
) -> MetaWebhook {
    let content = vec![MetaMediaType { content_type: "application/json", schema: body }];
    let operation = MetaOperation {
        tags: vec![Tag::Events.name()],
        method: Method::POST,
        summary: Some(summary),
        description: Some(description),
        external_docs: None,
        params: vec![
            header(
                "Webhook-Id",
                "The same in every attempt: what was processed already.",
                "msg_bGVmdHJpZ2h0",
            ),
            header("Webhook-Timestamp", "When this attempt was made, in seconds since 1970.", "1769851800"),
            header(
                "Webhook-Signature",
                "Separated by spaces: `v1,` and the base64 of an HMAC-SHA256 of ID, timestamp and body.",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ],
        request: Some(MetaRequest { description: None, content, required: true }),
        responses: MetaResponses {
            responses: vec![
                response(204, "The event was received. Every status of 2xx says so."),
                response(410, "No further events are wanted: the webhook is disabled."),
            ],
        },
        deprecated: false,
        security: Vec::new(),
        operation_id: Some(operation_id),
        code_samples: Vec::new(),
    };
    MetaWebhook { name, operation }
}

fn header(name: &str, description: &str, example: &str) -> MetaOperationParam {
    let schema = MetaSchema { example: Some(example.into()), ..MetaSchema::new("string") };
    MetaOperationParam {
        name: name.to_owned(),
        schema: MetaSchemaRef::Inline(Box::new(schema)),
        in_type: MetaParamIn::Header,
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        explode: true,
        style: None,
    }
}

fn response(status: u16, description: &'static str) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: Vec::new(),
        headers: Vec::new(),
    }
}
