//! Sessions, as their users and superusers see and end them.

use groundwork_auth::Page;
use groundwork_telemetry::context::CallContext;

use super::auth::Caller;
use super::store::Store;
use super::{Error, RevokedSessions};
use crate::domain::ids::{SessionId, UserId};
use crate::domain::permissions::Permission;
use crate::domain::sort::Sort;
use crate::models::audit_events::{self, AuditEvent, AuditKind};
use crate::models::sessions::{self, Session, SessionCursor};
use crate::models::{one_time_tokens, users};

const NOT_FOUND: Error = Error::NotFound("session");
const USER_NOT_FOUND: Error = Error::NotFound("user");

#[derive(Clone)]
pub struct SessionService {
    pub store: Store,
    pub revoked: RevokedSessions,
}

impl SessionService {
    /// Lists the live sessions of the caller or, for superusers, of any user, the newest first unless
    /// `sort` says otherwise, starting at `page_token`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such user, or the caller must not know of it;
    /// [`Error::InvalidPageToken`] if the token was not issued for this list.
    pub async fn list(
        &self,
        caller: &Caller,
        user: Option<UserId>,
        sort: Option<Sort>,
        limit: u16,
        page_token: Option<&str>,
    ) -> Result<Page<Session>, Error> {
        let user = user.unwrap_or(caller.user.id);
        let is_own = user == caller.user.id;
        if !is_own && !caller.user.role.may(Permission::UsersWrite) {
            return Err(USER_NOT_FOUND);
        }
        let list = Sort::list_name(&format!("sessions {user}"), sort);
        let sort = sort.unwrap_or(Sort::NewestFirst);
        let after = self.store.page_signer.cursor(&list, page_token, SessionCursor::at)?;
        let mut connection = self.store.read_as(caller);
        let limit_and_one = i64::from(limit) + 1;
        let page =
            sessions::page(&mut connection, user, sort, after, limit_and_one, self.store.now()).await?;
        if page.is_empty() && !is_own && users::find_profile(&mut connection, user).await?.is_none() {
            return Err(USER_NOT_FOUND);
        }
        let sort_key = |session: &Session| SessionCursor(session.created_at, session.id).sort_key();
        Ok(self.store.page_signer.page(&list, page, limit, sort_key))
    }

    /// Ends a session of the caller or, for superusers, of any user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist, is over, or belongs to another user.
    pub async fn revoke(&self, caller: &Caller, id: &str, context: &CallContext) -> Result<(), Error> {
        let id: SessionId = id.parse().map_err(|_| NOT_FOUND)?;
        let owner = sessions::find_owner(&mut self.store.read(), id).await?.ok_or(NOT_FOUND)?;
        let is_own = owner == caller.user.id;
        if !is_own && !caller.user.role.may(Permission::UsersWrite) {
            return Err(NOT_FOUND);
        }
        // The unit of work checks it again.
        let permission = if is_own { None } else { Some(Permission::UsersWrite) };
        let caller = &Caller { permission, ..caller.clone() };
        let now = self.store.now();
        let revocation = self.store.transaction_on_user(caller, owner, async |tx, _| {
            if !sessions::revoke_of(tx, id, owner, now).await? {
                return Err(NOT_FOUND);
            }
            // It may have been asked for in that session.
            one_time_tokens::cancel_email_change(tx, owner).await?;
            let event = AuditEvent::new(AuditKind::SESSION_REVOKED, owner, context).by(caller).in_session(id);
            Ok(audit_events::insert(tx, &event, now).await?)
        });
        revocation.await?;
        self.revoked.by_hand.increment(1);
        Ok(())
    }

    /// Ends all sessions of the caller but the present one.
    ///
    /// # Errors
    /// [`Error::LoginRequired`].
    pub async fn revoke_others(&self, caller: &Caller, context: &CallContext) -> Result<(), Error> {
        let (user, session, now) = (caller.user.id, caller.session()?, self.store.now());
        let revocation = self.store.transaction_on_self(caller, async |tx, _| {
            let ended = sessions::revoke_others(tx, user, session, now).await?;
            // It may have been asked for in one of them.
            one_time_tokens::cancel_email_change(tx, user).await?;
            let event = AuditEvent::new(AuditKind::OTHER_SESSIONS_REVOKED, user, context)
                .by(user)
                .in_session(session);
            audit_events::insert(tx, &event, now).await?;
            Ok(ended)
        });
        self.revoked.by_hand.increment(revocation.await? as u64);
        Ok(())
    }
}
