//! Who may create users.

use groundwork_values::enum_type;

enum_type! {
    /// How strangers may create users of their own.
    pub enum Registration {
        /// By both operations.
        Open = "open",
        /// By the one alone whose answer does not tell whether an email has a user.
        Hidden = "hidden",
        /// Not at all: superusers create all users.
        Closed = "closed",
    }
}

impl Registration {
    pub const NAMES: &[(&str, Self)] =
        &[("open", Self::Open), ("hidden", Self::Hidden), ("closed", Self::Closed)];
}
