//! Where a call comes from: kept with sessions and audit events, and in every log line.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

/// The caller's address and client, and the id that ties a response, its log lines and its audit events together.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The client's address, after trusted proxies.
    pub ip: IpAddr,
    /// What the client calls itself; printable, at most [`MAX_USER_AGENT`] characters.
    pub user_agent: Option<String>,
    /// The id of the request.
    pub request_id: RequestId,
}

/// What ties a response, its log lines and its audit events together, and who chose it. A client may choose the id of its
/// request, and with it another request's: an audit event says so.
#[derive(Clone, Debug)]
pub enum RequestId {
    /// Made by this process.
    Made(String),
    /// Came with the request: 1 to 64 characters of `A-Z a-z 0-9 - _ . :`.
    Sent(String),
    /// The call is no request but a command typed at this machine.
    CommandLine,
}

/// How audit events name a command. No client can send the `/`.
const COMMAND_LINE: &str = "local/command-line";

impl RequestId {
    /// The id as responses and log lines carry it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Made(id) | Self::Sent(id) => id,
            Self::CommandLine => COMMAND_LINE,
        }
    }

    /// The id as an audit event keeps it: one that came with the request is marked `client/`.
    pub fn for_audit(&self) -> Cow<'_, str> {
        match self {
            Self::Sent(id) => format!("client/{id}").into(),
            Self::Made(_) | Self::CommandLine => self.as_str().into(),
        }
    }
}

/// A user agent longer than this, in characters, is cut: it is a hint for people, not data.
pub const MAX_USER_AGENT: usize = 255;

impl CallContext {
    /// The context of a command typed at this machine.
    pub fn local() -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: None, request_id: RequestId::CommandLine }
    }
}

/// Makes text from outside fit for a log line and a column: no control characters, at most `max` characters.
pub fn printable(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_excess_are_dropped() {
        assert_eq!(printable("curl/8\r\nforged: line\u{1b}[31m", 255), "curl/8forged: line[31m");
        assert_eq!(printable(&"x".repeat(10_000), 255).len(), 255);
    }
}
