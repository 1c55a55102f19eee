//! The table `audit_events`: which actor did what to which user or resource. Events outlive both.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError, on, prepared};
use groundwork_telemetry::context::CallContext;

use super::api_keys::ApiKey;
use crate::db::schema::audit_events;
use crate::domain::api_keys::ApiKeyId;
use crate::domain::ids::{JobId, SessionId, UserId};
use crate::domain::webhooks::WebhookId;

/// The target of audit events in the log.
pub const AUDIT: &str = "groundwork::audit";

/// What happened to a user or a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditKind(&'static str);

impl AuditKind {
    /// A refresh token was used again after its successor, so it was copied. The session was
    /// revoked.
    pub const REFRESH_TOKEN_REPLAYED: Self = Self("refresh_token_replayed");
    /// A refresh was repeated from another network: the client has lost the response and moved, or
    /// the token was copied.
    pub const REFRESH_REPEATED_ELSEWHERE: Self = Self("refresh_repeated_elsewhere");
    /// A superuser or the command line created the user.
    pub const USER_CREATED: Self = Self("user_created");
    /// The password was changed and all sessions were revoked.
    pub const PASSWORD_CHANGED: Self = Self("password_changed");
    /// A user asked to replace its email; the link in the mail to the new one is not used yet.
    pub const EMAIL_CHANGE_REQUESTED: Self = Self("email_change_requested");
    pub const EMAIL_CHANGED: Self = Self("email_changed");
    pub const FULL_NAME_CHANGED: Self = Self("full_name_changed");
    /// A field of the profile was changed that has no kind of its own.
    pub const PROFILE_CHANGED: Self = Self("profile_changed");
    pub const EMAIL_VERIFIED: Self = Self("email_verified");
    pub const EMAIL_UNVERIFIED: Self = Self("email_unverified");
    pub const USER_ACTIVATED: Self = Self("user_activated");
    pub const USER_DEACTIVATED: Self = Self("user_deactivated");
    pub const USER_DELETED: Self = Self("user_deleted");
    pub const SUPERUSER_GRANTED: Self = Self("superuser_granted");
    pub const SUPERUSER_REVOKED: Self = Self("superuser_revoked");
    /// The role was changed, and neither the old nor the new one is that of superusers.
    pub const ROLE_CHANGED: Self = Self("role_changed");
    pub const JOB_RETRIED: Self = Self("job_retried");
    pub const JOB_DELETED: Self = Self("job_deleted");
    pub const WEBHOOK_CREATED: Self = Self("webhook_created");
    pub const WEBHOOK_UPDATED: Self = Self("webhook_updated");
    pub const WEBHOOK_DELETED: Self = Self("webhook_deleted");
    pub const WEBHOOK_SECRET_ROTATED: Self = Self("webhook_secret_rotated");
    pub const API_KEY_CREATED: Self = Self("api_key_created");
    pub const API_KEY_DELETED: Self = Self("api_key_deleted");
}

/// What an event was done to.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    User(UserId),
    /// A resource that is no user. The kind says of which sort.
    Resource(i64),
    /// A resource that belongs to a user.
    ResourceOf(UserId, i64),
}

impl Subject {
    fn user(self) -> Option<i64> {
        if let Self::User(id) | Self::ResourceOf(id, _) = self { Some(id.0) } else { None }
    }

    fn resource(self) -> Option<i64> {
        if let Self::Resource(id) | Self::ResourceOf(_, id) = self { Some(id) } else { None }
    }
}

impl From<UserId> for Subject {
    fn from(id: UserId) -> Self {
        Self::User(id)
    }
}

impl From<WebhookId> for Subject {
    fn from(id: WebhookId) -> Self {
        Self::Resource(id.0)
    }
}

impl From<&ApiKey> for Subject {
    fn from(key: &ApiKey) -> Self {
        Self::ResourceOf(key.user_id, key.id.0)
    }
}

impl From<JobId> for Subject {
    fn from(id: JobId) -> Self {
        Self::Resource(id.0)
    }
}

/// The user who did something, and the API key that it was done with, if it was one.
#[derive(Clone, Copy, Debug)]
pub struct AuditActor {
    pub user: UserId,
    pub api_key: Option<ApiKeyId>,
}

/// A user without an API key.
impl From<UserId> for AuditActor {
    fn from(user: UserId) -> Self {
        Self { user, api_key: None }
    }
}

/// An event to be stored.
#[derive(Clone, Copy, Debug)]
pub struct AuditEvent<'a> {
    pub kind: AuditKind,
    /// Who did it; `None` for an unknown client or an operator.
    pub actor: Option<AuditActor>,
    /// What it was done to.
    pub subject: Subject,
    /// The session it was done in or to, if it matters.
    pub session: Option<SessionId>,
    pub context: &'a CallContext,
}

impl<'a> AuditEvent<'a> {
    /// An event without an actor or a session.
    pub fn new(kind: AuditKind, subject: impl Into<Subject>, context: &'a CallContext) -> Self {
        Self { kind, actor: None, subject: subject.into(), session: None, context }
    }
}

/// Stores and logs an event, in the transaction of what happened.
pub async fn insert(c: &mut Connection, event: &AuditEvent<'_>, now: Timestamp) -> Result<(), DbError> {
    let api_key_id = event.actor.and_then(|actor| actor.api_key).map(|id| id.0);
    let values = (
        audit_events::occurred_at.eq(now),
        audit_events::kind.eq(event.kind.0),
        audit_events::actor_id.eq(event.actor.map(|actor| actor.user.0)),
        audit_events::user_id.eq(event.subject.user()),
        audit_events::session_id.eq(event.session.map(|id| id.0.to_vec())),
        audit_events::ip.eq(event.context.ip.to_string()),
        audit_events::request_id.eq(event.context.request_id.for_audit()),
        audit_events::resource_id.eq(event.subject.resource()),
        audit_events::api_key_id.eq(api_key_id),
    );
    on!(c, |c| prepared(diesel::insert_into(audit_events::table).values(values)).execute(c))?;
    let (user_id, resource_id) = (event.subject.user(), event.subject.resource());
    tracing::info!(target: AUDIT, kind = event.kind.0, user_id, resource_id, api_key_id, "audit event");
    Ok(())
}

/// Deletes events from before `before`: those among the `limit` oldest. Returns how many; if it was
/// `limit`, there may be more.
pub async fn delete_old(c: &mut Connection, before: Timestamp, limit: i64) -> Result<usize, DbError> {
    // The oldest by id are found without an index on the time, which every event would have to pay.
    let oldest = diesel::alias!(audit_events as oldest);
    let ids = oldest
        .order(oldest.field(audit_events::id).asc())
        .limit(limit)
        .select(oldest.field(audit_events::id));
    let old = audit_events::table.filter(audit_events::id.eq_any(ids));
    let old = old.filter(audit_events::occurred_at.lt(before));
    Ok(on!(c, |c| diesel::delete(old).execute(c))?)
}

/// An event that is only logged: any client can cause any number of them, and the table keeps all
/// it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthEvent(&'static str);

impl AuthEvent {
    pub const LOGGED_IN: Self = Self("logged_in");
    /// The password was wrong, or there is no active user with this email.
    pub const LOGIN_REFUSED: Self = Self("log_in_refused");
    /// A caller who changes the password gave a wrong current one.
    pub const CURRENT_PASSWORD_WRONG: Self = Self("present_password_wrong");
    /// A refresh token was presented again before its successor was used: the client lost the
    /// response, or there is a second client.
    pub const REFRESH_REPEATED: Self = Self("refresh_repeated");
}

/// Logs an event with the id of its user, if there is one. The email is left out: it may be a
/// password in the wrong field.
pub fn log_auth_event(AuthEvent(kind): AuthEvent, user: Option<UserId>) {
    tracing::info!(target: AUDIT, kind, user_id = user.map(|id| id.0), "audit event");
}
