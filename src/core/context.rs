//! Where a call comes from: kept with sessions and audit events, and in every log line.

use std::net::{IpAddr, Ipv4Addr};

/// The caller's address and client, and the id that ties a response, its log lines and its audit events together.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The client's address, after trusted proxies.
    pub ip: IpAddr,
    /// What the client calls itself; printable, at most [`MAX_USER_AGENT`] characters.
    pub user_agent: Option<String>,
    /// The id of the request.
    pub request_id: String,
}

/// A user agent longer than this, in characters, is cut: it is a hint for people, not data.
pub const MAX_USER_AGENT: usize = 255;

impl CallContext {
    /// The context of a command typed at this machine.
    pub fn local() -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), user_agent: None, request_id: "command-line".to_owned() }
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
