//! Whether a password is known to be leaked, asked of a service that learns only the first five
//! digits of its hash (k-anonymity; the range API of Have I Been Pwned).

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode, Uri};
use metrics::Counter;

use crate::client::{BodyLimit, Client, Config, Limits};
use crate::error::BuildError;

/// The metrics of the check: name and help text.
pub const METRICS: &[(&str, &str, &[f64])] = &[(
    "leaked_password_checks_total",
    "Checks whether a new password is known to be leaked, by result: leaked, absent, or unavailable.",
    &[],
)];

/// Hexadecimal digits of the hash that are sent.
const PREFIX: usize = 5;

/// The largest list, in bytes. Padded ones have about 40 KiB.
const MAX_LIST: usize = 256 * 1024;

/// The check of new passwords.
#[derive(Clone, Debug)]
pub struct LeakedPasswords {
    client: Client,
    base: String,
    leaked: Counter,
    absent: Counter,
    unavailable: Counter,
}

impl LeakedPasswords {
    /// Time limits that a person waits for: 1 second to connect, 2 in total, two attempts.
    pub fn config(user_agent: HeaderValue) -> Config {
        let mut config = Config::new("leaked_passwords", user_agent);
        let limit = Duration::from_secs(2);
        config.limits = Limits { connect: Duration::from_secs(1), headers: limit, body: limit, total: limit };
        config.body = BodyLimit::AtMost(MAX_LIST);
        if let Some(retry) = &mut config.retry {
            retry.attempts = 2;
        }
        config
    }

    /// `base` is the URL to which the prefix is appended as a further segment, such as
    /// `https://api.pwnedpasswords.com/range`.
    pub fn new(base: &str, config: Config) -> Result<Self, BuildError> {
        let checks =
            |result: &'static str| metrics::counter!("leaked_password_checks_total", "result" => result);
        Ok(Self {
            client: Client::new(config)?,
            base: base.trim_end_matches('/').to_owned(),
            leaked: checks("leaked"),
            absent: checks("absent"),
            unavailable: checks("unavailable"),
        })
    }

    /// Whether the service knows the password. `false` also if it is unavailable, slow or does not
    /// answer as expected, so that people can register without it; the metric
    /// `leaked_password_checks_total` and a log line say so.
    pub async fn contains(&self, password: &str) -> bool {
        let hash = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()).as_ref());
        let (prefix, suffix) = hash.split_at(PREFIX);
        let Some(list) = self.list(prefix).await else {
            self.unavailable.increment(1);
            return false;
        };
        let is_leaked = lists(&list, suffix);
        if is_leaked { &self.leaked } else { &self.absent }.increment(1);
        is_leaked
    }

    /// The hashes that begin with the prefix.
    async fn list(&self, prefix: &str) -> Option<Bytes> {
        let warn = |problem: &dyn std::fmt::Display| {
            tracing::warn!(%problem, "leaked passwords cannot be looked up; the password is accepted");
        };
        let url: Uri = format!("{}/{prefix}", self.base).parse().inspect_err(|error| warn(error)).ok()?;
        // Without padding, the length of the encrypted response would tell the prefix.
        let request = Request::get(url).header("add-padding", "true").body(Bytes::new());
        let request = request.inspect_err(|error| warn(error)).ok()?;
        let response = self.client.send(request).await.inspect_err(|error| warn(error)).ok()?;
        if response.status != StatusCode::OK {
            warn(&response.status);
            return None;
        }
        Some(response.body)
    }
}

/// Whether the list has the suffix: lines `SUFFIX:COUNT`, where those with a count of zero are
/// padding.
fn lists(list: &[u8], suffix: &str) -> bool {
    list.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let (found, count) = line.split_at_checked(suffix.len()).unwrap_or((line, &[]));
        found.eq_ignore_ascii_case(suffix.as_bytes()) && count.first() == Some(&b':') && count != b":0"
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_count_above_zero_is_a_leak() {
        let list =
            b"0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0\r\nshort\r\n";
        assert!(lists(list, "0018A45C4D1DEF81644B54AB7F969B88D65"));
        assert!(!lists(list, "00D4F6E8FA6EECAD2A3AA415EEC418D38EC"), "padding");
        assert!(!lists(list, "011053FD0102E94D6AE2F8B83D76FAF94F6"));
        assert!(!lists(b"", "011053FD0102E94D6AE2F8B83D76FAF94F6"));
    }
}
