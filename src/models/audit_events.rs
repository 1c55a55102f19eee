//! The table `audit_events`: which actor did what to which user. Events outlive the user.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::core::clock::Timestamp;
use crate::core::context::CallContext;
use crate::core::ids::{SessionId, UserId};
use crate::core::telemetry::AUDIT;
use crate::db::schema::audit_events;
use crate::db::{Connection, DbError, on, prepared};

/// What happened to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditKind {
    /// A refresh token was used again after its successor, so it was copied. The session was
    /// revoked.
    RefreshTokenReplayed,
    /// A refresh was repeated from another network: the client has lost the response and moved, or
    /// the token was copied.
    RefreshRepeatedElsewhere,
    /// A superuser or the command line created the user.
    UserCreated,
    /// The password was changed and all sessions were revoked.
    PasswordChanged,
    /// A superuser changed the email.
    EmailChanged,
    /// The user may log in again.
    UserActivated,
    /// The user may no longer log in.
    UserDeactivated,
    /// The user was deleted.
    UserDeleted,
    /// A superuser changed the name.
    FullNameChanged,
    /// A superuser marked the email as verified.
    EmailVerified,
    /// A superuser marked the email as not verified.
    EmailUnverified,
    /// The user became a superuser.
    SuperuserGranted,
    /// The user is no longer a superuser.
    SuperuserRevoked,
}

impl AuditKind {
    fn name(self) -> &'static str {
        match self {
            Self::RefreshTokenReplayed => "refresh_token_replayed",
            Self::RefreshRepeatedElsewhere => "refresh_repeated_elsewhere",
            Self::UserCreated => "user_created",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::FullNameChanged => "full_name_changed",
            Self::EmailVerified => "email_verified",
            Self::EmailUnverified => "email_unverified",
            Self::UserActivated => "user_activated",
            Self::UserDeactivated => "user_deactivated",
            Self::UserDeleted => "user_deleted",
            Self::SuperuserGranted => "superuser_granted",
            Self::SuperuserRevoked => "superuser_revoked",
        }
    }
}

/// An event to be stored.
#[derive(Clone, Copy, Debug)]
pub struct AuditEvent<'a> {
    /// What happened.
    pub kind: AuditKind,
    /// The user who did it; `None` for an unknown client or an operator.
    pub actor: Option<UserId>,
    /// The user it was done to.
    pub user: UserId,
    /// The session it was done in or to, if it matters.
    pub session: Option<SessionId>,
    /// The client and its request.
    pub context: &'a CallContext,
}

/// Stores and logs an event, in the transaction of what happened.
pub async fn insert(c: &mut Connection, event: &AuditEvent<'_>, now: Timestamp) -> Result<(), DbError> {
    let values = (
        audit_events::occurred_at.eq(now),
        audit_events::kind.eq(event.kind.name()),
        audit_events::actor_id.eq(event.actor.map(|id| id.0)),
        audit_events::user_id.eq(event.user.0),
        audit_events::session_id.eq(event.session.map(|id| id.0.to_vec())),
        audit_events::ip.eq(event.context.ip.to_string()),
        audit_events::request_id.eq(event.context.request_id.for_audit()),
    );
    on!(c, |c| prepared(diesel::insert_into(audit_events::table).values(values)).execute(c))?;
    tracing::info!(target: AUDIT, kind = event.kind.name(), user_id = event.user.0, "audit event");
    Ok(())
}

/// An event that is only logged: any client can cause any number of them, and the table keeps all
/// it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthEvent {
    /// A user logged in.
    LoggedIn,
    /// The password was wrong, or there is no active user with this email.
    LoginRefused,
    /// A caller who changes the password gave a wrong current one.
    CurrentPasswordWrong,
    /// A refresh token was presented again before its successor was used: the client lost the
    /// response, or there is a second client.
    RefreshRepeated,
}

/// Logs an event with the id of its user, if there is one. The email is left out: it may be a
/// password in the wrong field.
pub fn log_auth_event(event: AuthEvent, user: Option<UserId>) {
    let kind = match event {
        AuthEvent::LoggedIn => "logged_in",
        AuthEvent::LoginRefused => "log_in_refused",
        AuthEvent::CurrentPasswordWrong => "present_password_wrong",
        AuthEvent::RefreshRepeated => "refresh_repeated",
    };
    tracing::info!(target: AUDIT, kind, user_id = user.map(|id| id.0), "audit event");
}
