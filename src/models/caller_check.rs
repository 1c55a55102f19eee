//! The condition under which a caller's write happens.

use groundwork_clock::Timestamp;
use groundwork_database::Connection;

use crate::domain::ids::{SessionId, UserId};

/// A session that must be live at `now`, of a user who must be active.
#[derive(Clone, Copy, Debug)]
pub struct CallerCheck {
    pub session: SessionId,
    pub user: UserId,
    pub now: Timestamp,
}

/// A connection for one statement that has a [`CallerCheck`] in its `WHERE`. Only this layer can
/// use the connection, so no service can write for a caller without the check.
pub struct CheckedWrite {
    pub(super) connection: Connection,
    pub(super) check: CallerCheck,
}

impl CheckedWrite {
    pub fn new(connection: Connection, check: CallerCheck) -> Self {
        Self { connection, check }
    }
}
