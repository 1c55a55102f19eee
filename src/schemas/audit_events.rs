//! Audit events.

use groundwork_clock::Timestamp;
use groundwork_web::schema::Nullable;
use groundwork_web::{id_schema, listed, text_schema};
use poem_openapi::Object;
use serde::Serialize;

use crate::domain::api_keys::ApiKeyId;
use crate::domain::audit_events::{AuditEventId, AuditEventKind};
use crate::domain::ids::{SessionId, UserId};
use crate::models::audit_events::StoredEvent;

id_schema!(AuditEventId, "audit_event_id", "The event's ID.");
text_schema!(AuditEventKind, "audit_event_kind", example: "logged_in");

/// What was done to a user or a resource.
#[derive(Object, Serialize)]
#[oai(rename = "AuditEvent", example)]
pub struct AuditEventView {
    /// The event's ID. It is never reused.
    pub id: AuditEventId,
    /// What was done. Later releases add kinds.
    #[oai(validator(max_length = 100))]
    pub kind: String,
    /// The user who did it; null for an unknown client and for the command line.
    pub actor_id: Nullable<UserId>,
    /// The API key that the user did it with, or null if there was none. It may have been deleted
    /// since.
    pub api_key_id: Nullable<ApiKeyId>,
    /// The user to whom it was done, or to whom the resource belongs; null if there is none. The user
    /// may have been deleted since.
    pub user_id: Nullable<UserId>,
    /// The ID of the other resource, or null. The kind says of which sort it is.
    #[oai(validator(minimum(value = "1")))]
    pub resource_id: Nullable<i64>,
    /// The session in which or to which it was done, or null if none is recorded.
    pub session_id: Nullable<SessionId>,
    /// The address of the client.
    #[oai(validator(max_length = 45))]
    pub ip: String,
    /// The ID of the request, as in the logs. One that the client has chosen begins with `client/`;
    /// the command line has `local/command-line`.
    #[oai(validator(max_length = 100))]
    pub request_id: String,
    /// When it was done.
    pub created_at: Timestamp,
}

impl From<StoredEvent> for AuditEventView {
    fn from(event: StoredEvent) -> Self {
        let session = event.session_id.and_then(|bytes| SessionId::try_from(bytes).ok());
        Self {
            id: AuditEventId(event.id),
            kind: event.kind,
            actor_id: event.actor_id.map(UserId).into(),
            api_key_id: event.api_key_id.map(ApiKeyId).into(),
            user_id: event.user_id.map(UserId).into(),
            resource_id: event.resource_id.into(),
            session_id: session.into(),
            ip: event.ip,
            request_id: event.request_id,
            created_at: event.occurred_at,
        }
    }
}

example!(AuditEventView {
    id: AuditEventId(1),
    kind: "session_revoked".to_owned(),
    actor_id: Nullable(Some(UserId(1))),
    api_key_id: Nullable(None),
    user_id: Nullable(Some(UserId(2))),
    resource_id: Nullable(None),
    session_id: Nullable(Some(SessionId([7; 16]))),
    ip: "192.0.2.77".to_owned(),
    request_id: "5b0c5f2c1f1a4e0d8d2f7a9b3c6e1d40".to_owned(),
    created_at: Timestamp::from_seconds(1_769_851_800),
});

listed!(
    AuditEventView,
    "audit events",
    "in descending order of `created_at`, unless `sort` asks for another"
);
