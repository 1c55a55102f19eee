//! The URL of an endpoint.

use std::net::IpAddr;

use groundwork_http_client::is_public;
use hyper::Uri;
use url::{Host, Url};

/// The longest URL in bytes, in its normalized form.
pub const MAX_URL: usize = 2_048;

/// Where endpoints may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Networks {
    /// Only the public internet, over https.
    Public,
    /// Also private networks and this machine, and over http: for development.
    Any,
}

/// A URL that messages can be sent to: https (or http, see [`Networks`]), without user information
/// and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl(Uri);

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is longer than [`MAX_URL`].
    #[error("must have at most 2048 characters")]
    TooLong,
    /// It is not an absolute URL with a host.
    #[error("must be a URL with a host")]
    Malformed,
    /// Its scheme is not permitted.
    #[error("must begin with https://")]
    Scheme,
    /// It has a user name or a password.
    #[error("must not contain a user name or password")]
    UserInfo,
    /// It has a fragment, which would not be sent.
    #[error("must not contain a fragment")]
    Fragment,
    /// Its host is an address that is not public, in any spelling.
    #[error("must not lead to a private network")]
    PrivateAddress,
}

impl EndpointUrl {
    /// Parses a URL. An address in it is checked here; the addresses of a name are checked by
    /// [`Sender::check`](crate::Sender::check) and whenever a message is sent.
    pub fn parse(text: &str, networks: Networks) -> Result<Self, InvalidUrl> {
        if text.len() > MAX_URL {
            return Err(InvalidUrl::TooLong);
        }
        let url = Url::parse(text).map_err(|_| InvalidUrl::Malformed)?;
        let is_permitted = match url.scheme() {
            "https" => true,
            "http" => networks == Networks::Any,
            _ => false,
        };
        if !is_permitted {
            return Err(InvalidUrl::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl::Fragment);
        }
        let address: Option<IpAddr> = match url.host().ok_or(InvalidUrl::Malformed)? {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        };
        if networks == Networks::Public && address.is_some_and(|address| !is_public(address)) {
            return Err(InvalidUrl::PrivateAddress);
        }
        // Escapes make it longer.
        if url.as_str().len() > MAX_URL {
            return Err(InvalidUrl::TooLong);
        }
        url.as_str().parse().map(Self).map_err(|_| InvalidUrl::Malformed)
    }

    /// As the client calls it.
    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }
}

/// The normalized form, which parses to the same value.
impl std::fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, networks: Networks) -> Result<String, InvalidUrl> {
        EndpointUrl::parse(text, networks).map(|url| url.to_string())
    }

    #[test]
    fn a_url_is_normalized() {
        for (text, expected) in [
            ("https://example.com/hooks?a=b", "https://example.com/hooks?a=b"),
            ("HTTPS://EXAMPLE.com:8443", "https://example.com:8443/"),
            ("https://example.com:443/a b", "https://example.com/a%20b"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://1.1.1.1/", "https://1.1.1.1/"),
        ] {
            assert_eq!(parse(text, Networks::Public).as_deref(), Ok(expected));
            assert_eq!(parse(expected, Networks::Public).as_deref(), Ok(expected));
        }
        assert_eq!(parse("http://127.0.0.1:9/x", Networks::Any).as_deref(), Ok("http://127.0.0.1:9/x"));
    }

    #[test]
    fn a_url_that_messages_must_not_be_sent_to_is_refused() {
        use InvalidUrl::{Fragment, Malformed, PrivateAddress, Scheme, TooLong, UserInfo};
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL));
        let escaped = format!("https://example.com/{}", " ".repeat(1_000) + "b");
        for (text, problem) in [
            ("", Malformed),
            ("example.com/hooks", Malformed),
            ("https://", Malformed),
            ("http://example.com/", Scheme),
            ("ftp://example.com/", Scheme),
            ("file:///etc/passwd", Scheme),
            ("https://user@example.com/", UserInfo),
            ("https://user:password@example.com/", UserInfo),
            ("https://:password@example.com/", UserInfo),
            ("https://example.com/#a", Fragment),
            (&long, TooLong),
            (&escaped, TooLong),
            ("https://127.0.0.1/", PrivateAddress),
            ("https://2130706433/", PrivateAddress),
            ("https://0x7f.1/", PrivateAddress),
            ("https://0177.0.0.1/", PrivateAddress),
            ("https://127.1/", PrivateAddress),
            ("https://１２７.0.0.1/", PrivateAddress),
            ("https://169.254.169.254/", PrivateAddress),
            ("https://[::1]/", PrivateAddress),
            ("https://[::ffff:10.0.0.1]/", PrivateAddress),
            ("https://[64:ff9b::a00:1]/", PrivateAddress),
            ("https://[fd00::1]/", PrivateAddress),
        ] {
            assert_eq!(parse(text, Networks::Public), Err(problem), "{text}");
        }
    }
}
