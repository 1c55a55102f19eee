//! The table `audit_events`: which actor did what to which user or resource. Events outlive both.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::RunQueryDsl;
use groundwork_clock::Timestamp;
use groundwork_clock::sql::Timestamptz;
use groundwork_database::{Connection, DbError, at_commit, on, prepared};
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
    pub const LOGGED_IN: Self = Self("logged_in");
    pub const LOGGED_OUT: Self = Self("logged_out");
    /// The session was ended in another session: by its user or a superuser.
    pub const SESSION_REVOKED: Self = Self("session_revoked");
    /// All sessions of the user but one were ended in that one.
    pub const OTHER_SESSIONS_REVOKED: Self = Self("other_sessions_revoked");
    /// A refresh token was used again after its successor, so it was copied. The session was
    /// revoked.
    pub const REFRESH_TOKEN_REPLAYED: Self = Self("refresh_token_replayed");
    /// A refresh was repeated from another network: the client has lost the response and moved, or
    /// the token was copied.
    pub const REFRESH_REPEATED_ELSEWHERE: Self = Self("refresh_repeated_elsewhere");
    /// The user registered, or a superuser or the command line created it.
    pub const USER_CREATED: Self = Self("user_created");
    /// The password was changed and all sessions were revoked.
    pub const PASSWORD_CHANGED: Self = Self("password_changed");
    /// A user asked to replace its email; the link in the mail to the new one is not used yet.
    pub const EMAIL_CHANGE_REQUESTED: Self = Self("email_change_requested");
    /// The user was sent a link of this purpose, which it or anyone else has asked for.
    pub const VERIFICATION_LINK_ISSUED: Self = Self("verification_link_issued");
    pub const PASSWORD_RESET_LINK_ISSUED: Self = Self("password_reset_link_issued");
    pub const EMAIL_CHANGE_LINK_ISSUED: Self = Self("email_change_link_issued");
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
    pub const WEBHOOK_TESTED: Self = Self("webhook_tested");
    pub const WEBHOOK_DELIVERY_RESENT: Self = Self("webhook_delivery_resent");
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

    #[must_use]
    pub fn by(self, actor: impl Into<AuditActor>) -> Self {
        Self { actor: Some(actor.into()), ..self }
    }

    #[must_use]
    pub fn in_session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }
}

/// Stores and logs an event, in the transaction of what happened. It is stored together with the
/// commit, so it costs no round trip.
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
    at_commit!(c, prepared(diesel::insert_into(audit_events::table).values(values)))?;
    let (user_id, resource_id) = (event.subject.user(), event.subject.resource());
    tracing::info!(target: AUDIT, kind = event.kind.0, user_id, resource_id, api_key_id, "audit event");
    Ok(())
}

/// A stored event.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = audit_events, check_for_backend(diesel::pg::Pg, diesel::sqlite::Sqlite))]
pub struct StoredEvent {
    pub id: i64,
    pub occurred_at: Timestamp,
    pub kind: String,
    pub actor_id: Option<i64>,
    pub user_id: Option<i64>,
    pub session_id: Option<Vec<u8>>,
    pub ip: String,
    pub request_id: String,
    pub resource_id: Option<i64>,
    pub api_key_id: Option<i64>,
}

/// Which events a list shows; the default shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The user it was done to.
    pub user_id: Option<UserId>,
    /// The user who did it.
    pub actor_id: Option<UserId>,
    pub kind: Option<String>,
    /// Inclusive.
    pub created_after: Option<Timestamp>,
    /// Exclusive.
    pub created_before: Option<Timestamp>,
    /// From the other end: the oldest first.
    pub oldest_first: bool,
}

/// The last event of a page, behind which the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCursor(pub Timestamp, pub i64);

impl EventCursor {
    /// The values that the list is sorted by, as numbers.
    pub fn sort_key(self) -> Vec<i64> {
        vec![self.0.micros(), self.1]
    }

    /// The cursor with this sort key.
    pub fn at(sort_key: &[i64]) -> Option<Self> {
        let [occurred, id] = *sort_key else { return None };
        Some(Self(Timestamp::from_micros(occurred), id))
    }
}

/// Up to `limit` events behind the cursor, the newest first unless the filter asks for the oldest.
pub async fn page(
    c: &mut Connection,
    filter: &EventFilter,
    after: Option<EventCursor>,
    limit: i64,
) -> Result<Vec<StoredEvent>, DbError> {
    Ok(on!(c, |c| {
        let mut query = audit_events::table.select(StoredEvent::as_select()).limit(limit).into_boxed();
        query = if filter.oldest_first {
            query.order((audit_events::occurred_at.asc(), audit_events::id.asc()))
        } else {
            query.order((audit_events::occurred_at.desc(), audit_events::id.desc()))
        };
        if let Some(user) = filter.user_id {
            query = query.filter(audit_events::user_id.eq(user.0));
        }
        if let Some(actor) = filter.actor_id {
            query = query.filter(audit_events::actor_id.eq(actor.0));
        }
        if let Some(kind) = &filter.kind {
            query = query.filter(audit_events::kind.eq(kind));
        }
        // The cursor is nearer to the page than the filter at the same end. With both, the index may be
        // entered at the one that is far from the page.
        let (mut from, mut to) = (filter.created_after, filter.created_before);
        if let Some(EventCursor(occurred, id)) = after {
            *(if filter.oldest_first { &mut from } else { &mut to }) = None;
            // Compared as rows, as in the list of users.
            query = query.filter(
                sql::<Bool>("(\"audit_events\".\"occurred_at\", \"audit_events\".\"id\")")
                    .sql(if filter.oldest_first { " > (" } else { " < (" })
                    .bind::<Timestamptz, _>(occurred)
                    .sql(", ")
                    .bind::<BigInt, _>(id)
                    .sql(")"),
            );
        }
        if let Some(instant) = from {
            query = query.filter(audit_events::occurred_at.ge(instant));
        }
        if let Some(instant) = to {
            query = query.filter(audit_events::occurred_at.lt(instant));
        }
        prepared(query).load(c)
    })?)
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
