//! The condition under which a caller's write happens.

use crate::core::clock::Timestamp;
use crate::core::ids::{SessionId, UserId};
use crate::db::Connection;

/// A session that must be live at `now`, of a user who must be active.
#[derive(Clone, Copy, Debug)]
pub struct Authority {
    pub session: SessionId,
    pub user: UserId,
    pub now: Timestamp,
}

/// A connection for one statement that has an [`Authority`] in its `WHERE`. Only this layer can use
/// the connection, so no service can write for a caller without the check.
pub struct AuthorizedWrite {
    pub(super) connection: Connection,
    pub(super) authority: Authority,
}

impl AuthorizedWrite {
    pub fn new(connection: Connection, authority: Authority) -> Self {
        Self { connection, authority }
    }
}
