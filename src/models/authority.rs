//! The condition under which a caller's write happens at all.

use crate::core::clock::Timestamp;
use crate::core::ids::{SessionId, UserId};
use crate::db::Connection;

/// A session that must be live, of a user who must be active, at this time.
#[derive(Clone, Copy, Debug)]
pub struct Authority {
    /// The caller's session.
    pub session: SessionId,
    /// The caller's user.
    pub user: UserId,
    /// Now.
    pub now: Timestamp,
}

/// A connection for one statement that has an [`Authority`] in its WHERE. Only the queries of this layer reach the
/// connection.
pub struct AuthorizedWrite {
    pub(super) connection: Connection,
    pub(super) authority: Authority,
}

impl AuthorizedWrite {
    /// Puts both together.
    pub fn new(connection: Connection, authority: Authority) -> Self {
        Self { connection, authority }
    }
}
