//! The table `audit_events`: who did what to which account, kept when the account is gone.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::core::clock::Timestamp;
use crate::core::context::CallContext;
use crate::core::ids::{SessionId, UserId};
use crate::core::telemetry::AUDIT;
use crate::db::schema::audit_events;
use crate::db::{Connection, DbError, on, prepared};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A refresh token was used again after its successor: somebody has a copy. The session was ended.
    RefreshTokenReplayed,
    /// A refresh whose response was lost was repeated from another network than the first time: the client has moved,
    /// or somebody has a copy.
    RefreshRepeatedElsewhere,
    /// An account was made by a superuser or on the command line.
    UserCreated,
    /// A password was changed and all sessions ended.
    PasswordChanged,
    /// An account's address was changed by a superuser.
    EmailChanged,
    /// An account may log in again.
    UserActivated,
    /// An account may not log in any more.
    UserDeactivated,
    /// An account was removed.
    UserDeleted,
    /// A superuser changed the name of a user.
    FullNameChanged,
    /// A superuser marked the email of a user as verified.
    EmailVerified,
    /// A superuser marked the email of a user as not verified.
    EmailUnverified,
    /// An account became a superuser.
    SuperuserGranted,
    /// An account is no superuser any more.
    SuperuserRevoked,
}

impl Kind {
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

/// An event to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What happened.
    pub kind: Kind,
    /// Who did it, where it is known.
    pub actor: Option<UserId>,
    /// To whom.
    pub user: UserId,
    /// In or to which session, where it matters.
    pub session: Option<SessionId>,
    /// Where the call came from.
    pub context: &'a CallContext,
}

/// Keeps an event, in the transaction of the deed itself.
pub async fn insert(c: &mut Connection, event: &Event<'_>, now: Timestamp) -> Result<(), DbError> {
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

/// What is written to the log alone: anybody can cause it as often as they like, and the table keeps all it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Somebody logged in.
    LoggedIn,
    /// The password was wrong, or the account inactive or not there.
    LogInRefused,
    /// Who is logged in did not know the present password.
    PresentPasswordWrong,
    /// A refresh token was presented again before its successor was used: the client lost the response, or there is a
    /// second client.
    RefreshRepeated,
}

/// Notes an attempt, with the account it was for if there is one: not its email, which may be a password in the wrong field.
pub fn note(attempt: Attempt, user: Option<UserId>) {
    let kind = match attempt {
        Attempt::LoggedIn => "logged_in",
        Attempt::LogInRefused => "log_in_refused",
        Attempt::PresentPasswordWrong => "present_password_wrong",
        Attempt::RefreshRepeated => "refresh_repeated",
    };
    tracing::info!(target: AUDIT, kind, user_id = user.map(|id| id.0), "audit event");
}
