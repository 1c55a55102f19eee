//! The condition under which a caller's write happens.

use groundwork_clock::Timestamp;
use groundwork_database::{Connection, DbError};

use super::audit_events::{self, AuditEvent};
use crate::domain::ids::{SessionId, UserId};

/// A session that must be live at `now`, of a user who must be active.
#[derive(Clone, Copy, Debug)]
pub struct CallerCheck {
    pub session: SessionId,
    pub user: UserId,
    pub now: Timestamp,
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
