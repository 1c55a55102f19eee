//! Business rules. A method is one unit of work: it succeeds or fails as a whole, and holds no
//! connection while a password is hashed.

pub mod api_keys;
pub mod audit_events;
pub mod auth;
mod error;
pub mod health;
pub mod idempotency;
pub mod jobs;
pub mod links;
pub mod mail;
pub mod passwords;
pub mod precondition;
pub mod sessions;
pub mod store;
pub mod users;
pub mod webhooks;

use metrics::Counter;

pub use error::Error;

const SESSIONS_REVOKED: &str = "sessions_revoked_total";
const WEBHOOK_ATTEMPTS: &str = "webhook_attempts_total";
const WEBHOOKS_DISABLED: &str = "webhooks_disabled_total";

/// The name, the help text and the bucket bounds of each metric; names have no prefix.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    (
        SESSIONS_REVOKED,
        "Sessions ended before their time, by reason: logout, revoked, replay, `password_changed` or deactivated.",
        &[],
    ),
    (WEBHOOK_ATTEMPTS, "Attempts to deliver to webhooks, by outcome: delivered, failed or gone.", &[]),
    (WEBHOOKS_DISABLED, "Webhooks that were disabled because of their receiver: failing or gone.", &[]),
];

/// Counts sessions that ended before their time, by reason.
#[derive(Clone)]
pub struct RevokedSessions {
    logout: Counter,
    by_hand: Counter,
    replay: Counter,
    password_change: Counter,
    deactivation: Counter,
}

impl Default for RevokedSessions {
    fn default() -> Self {
        let counter = |reason: &'static str| metrics::counter!(SESSIONS_REVOKED, "reason" => reason);
        Self {
            logout: counter("logout"),
            by_hand: counter("revoked"),
            replay: counter("replay"),
            password_change: counter("password_changed"),
            deactivation: counter("deactivated"),
        }
    }
}
