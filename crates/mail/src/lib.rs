#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod mailer;
mod message;
mod outbox;
mod smtp;
mod templates;
mod url;

pub use error::{ConfigError, SendError, SmtpReply};
pub use groundwork_secret_url::UrlError;
pub use mailer::{Config, Mailer};
pub use message::{Message, MessageError, Sender};
pub use templates::{Content, DEFAULT_LANGUAGE, TemplateError, Templates};
pub use url::{Encryption, SmtpUrl};

const SENT: &str = "mails_sent_total";
const FAILED: &str = "mails_failed_total";
const SECONDS: &str = "mail_send_seconds";

/// Upper bounds for one mail, in seconds: a server on the same network, one elsewhere, and one that
/// hangs.
const SECONDS_BUCKETS: &[f64] = &[0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The metrics of this crate: name, help text, and the upper bounds of a histogram's buckets.
pub const METRICS: &[(&str, &str, &[f64])] = &[
    (SENT, "Mails sent, by tier: `smtp` when the server accepted them, `file` when they are written.", &[]),
    (
        FAILED,
        "Attempts to send a mail that failed, by kind: connection, tls, authentication, timeout, deferred (4xx), refused (5xx), message, or file.",
        &[],
    ),
    (SECONDS, "Seconds per attempt to send a mail, failed ones included.", SECONDS_BUCKETS),
];
