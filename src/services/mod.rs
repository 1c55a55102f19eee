//! Business rules. A method is one unit of work: it succeeds or fails as a whole, and holds no
//! connection while a password is hashed.

pub mod auth;
mod error;
pub mod health;
pub mod store;
pub mod users;

pub use error::Error;

const SESSIONS_REVOKED: &str = "sessions_revoked_total";

/// The name, the help text and the bucket bounds of each metric; names have no prefix.
pub const METRICS: &[(&str, &str, &[f64])] = &[(
    SESSIONS_REVOKED,
    "Sessions ended before their time, by reason: logout, replay, `password_changed` or deactivated.",
    &[],
)];

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last page.
    pub next_page: Option<String>,
}
