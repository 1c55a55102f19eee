//! The condition under which a caller's write happens.

use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError};

use super::audit_events::{self, AuditEvent};
use super::users::User;
use super::{api_keys, sessions};
use crate::domain::ids::{Credential, UserId};

/// A session that must be live at `now`, or an API key that must be valid, of a user who must be
/// active.
#[derive(Clone, Copy, Debug)]
pub struct CallerCheck {
    pub credential: Credential,
    pub user: UserId,
    pub now: Timestamp,
}

impl CallerCheck {
    /// The user, to be changed, unless the credential is void. Both rows are locked to the end of
    /// the transaction, the user's first.
    pub async fn find_user_for_update(&self, c: &mut Connection) -> Result<Option<User>, DbError> {
        match self.credential {
            Credential::Session(id) => sessions::find_user_for_update(c, id, self.user, self.now).await,
            Credential::ApiKey(id) => api_keys::find_user_for_update(c, id, self.user, self.now).await,
        }
    }

    /// The user, unless the credential is void, locked against changes to the end of the
    /// transaction. Other transactions of the same user may do so at the same time.
    pub async fn find_user_for_share(&self, c: &mut Connection) -> Result<Option<User>, DbError> {
        match self.credential {
            Credential::Session(id) => sessions::find_user_for_share(c, id, self.user, self.now).await,
            Credential::ApiKey(id) => api_keys::find_user_for_share(c, id, self.user, self.now).await,
        }
    }

    /// Whether the credential is valid. What voids it locks its user before.
    pub async fn is_live(&self, c: &mut Connection) -> Result<bool, DbError> {
        match self.credential {
            Credential::Session(id) => sessions::is_live(c, id, self.user, self.now).await,
            Credential::ApiKey(id) => api_keys::is_live(c, id, self.user, self.now).await,
        }
    }
}

/// A transaction whose first statement has a [`CallerCheck`] in its `WHERE`. Only this layer can use
/// its connection, so no service can write for a caller without the check.
pub struct CheckedWrite<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) check: CallerCheck,
}

impl<'a> CheckedWrite<'a> {
    pub fn new(connection: &'a mut Connection, check: CallerCheck) -> Self {
        Self { connection, check }
    }

    /// Stores an event of what the first statement has written.
    pub async fn record(&mut self, event: &AuditEvent<'_>) -> Result<(), DbError> {
        audit_events::insert(self.connection, event, self.check.now).await
    }
}
