//! The condition under which a caller's write happens at all.

use crate::core::clock::Timestamp;
use crate::core::ids::{SessionId, UserId};

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
