//! Why a mail was not sent, and whether trying again can help.

use std::fmt;
use std::io;
use std::time::Duration;

/// The longest text of a server that is repeated, in characters.
const REPLY_LIMIT: usize = 200;

/// Why a mail was not sent. No variant has a password, or the text of the mail.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection, or it broke. After a break the server may have the mail: sent again, it has
    /// the same `Message-ID`.
    #[error("the SMTP server cannot be reached: {0}")]
    Connection(String),
    /// The server has no TLS, or not with a certificate that is valid for its name.
    #[error("the SMTP server cannot be used with TLS: {0}")]
    Tls(String),
    /// The server refused the credentials, requires some, or takes them in no known way. The reply
    /// is left out, because it may repeat them.
    #[error("the SMTP server refused to authenticate the client")]
    Authentication,
    /// The server took longer than [`Config::timeout`](crate::Config::timeout). It may have the mail.
    #[error("the SMTP server did not finish within {0:?}")]
    Timeout(Duration),
    /// The server accepts no mail at present, or not this one (4xx).
    #[error("the SMTP server deferred the mail: {0}")]
    Deferred(SmtpReply),
    /// The server refuses this mail (5xx): no such mailbox, or not from this sender.
    #[error("the SMTP server refused the mail: {0}")]
    Refused(SmtpReply),
    /// The file could not be written.
    #[error("the mail cannot be written into its file")]
    File(#[source] io::Error),
    /// The mail cannot be put into words of the protocol: the address has letters beyond ASCII, and
    /// the server does not take such.
    #[error("the mail cannot be sent: {0}")]
    Message(String),
}

impl SendError {
    /// All that [`kind`](Self::kind) returns.
    pub(crate) const KINDS: [&str; 8] =
        ["connection", "tls", "authentication", "timeout", "deferred", "refused", "file", "message"];

    /// Whether the mail itself is the reason, so that no later attempt can succeed. Everything else
    /// is worth another attempt: servers return, and operators correct passwords.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Message(_))
    }

    /// The label in the metric `mails_failed_total`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connection(_) => "connection",
            Self::Tls(_) => "tls",
            Self::Authentication => "authentication",
            Self::Timeout(_) => "timeout",
            Self::Deferred(_) => "deferred",
            Self::Refused(_) => "refused",
            Self::File(_) => "file",
            Self::Message(_) => "message",
        }
    }
}

/// A negative reply: its code, and the beginning of its text on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpReply {
    /// From 400 to 599 (RFC 5321, 4.2.1).
    pub code: u16,
    text: String,
}

impl SmtpReply {
    pub(crate) fn new(code: u16, text: &str) -> Self {
        let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let text = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        Self { code, text: text.chars().take(REPLY_LIMIT).collect() }
    }
}

impl fmt::Display for SmtpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, text } = self;
        if text.is_empty() { write!(f, "{code}") } else { write!(f, "{code} {text}") }
    }
}

/// Why a mailer cannot be made from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file of authorities cannot be read, or has none.
    #[error("the authorities of the SMTP server cannot be read from {path}: {problem}")]
    Authorities {
        /// What `ca_file` names.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The system has no authorities that can be used.
    #[error("TLS to the SMTP server cannot be prepared: {0}")]
    Tls(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_one_line_of_limited_length() {
        let reply = SmtpReply::new(550, &format!("5.1.1 no\r\n\x1b[31msuch \t mailbox {}", "x".repeat(500)));
        let text = reply.to_string();
        assert!(text.starts_with("550 5.1.1 no [31msuch mailbox xxx"), "{text}");
        assert_eq!(text.len(), "550 ".len() + REPLY_LIMIT);
    }

    #[test]
    fn only_what_the_mail_itself_causes_is_permanent() {
        let reply = || SmtpReply::new(550, "");
        assert!(SendError::Refused(reply()).is_permanent());
        assert!(SendError::Message(String::new()).is_permanent());
        for error in [
            SendError::Connection(String::new()),
            SendError::Tls(String::new()),
            SendError::Authentication,
            SendError::Timeout(Duration::ZERO),
            SendError::Deferred(reply()),
            SendError::File(io::ErrorKind::StorageFull.into()),
        ] {
            assert!(!error.is_permanent(), "{error}");
        }
    }
}
