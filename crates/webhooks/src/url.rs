//! The URL of an endpoint.

use std::net::IpAddr;

use groundwork_http_client::is_public;
use hyper::Uri;
use url::{Host, Url};

/// The longest URL in bytes, in its normalized form.
pub const MAX_URL: usize = 2_048;

/// The ports that browsers refuse to call ("bad ports" of the Fetch standard), besides 0.
const BAD_PORTS: [u16; 82] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

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
    /// Nothing listens on port 0.
    #[error("must not use port 0")]
    PortZero,
    /// Its port is that of another protocol, whose server could take the message for one of its own.
    #[error("must not use port {0}, which belongs to another protocol")]
    Port(u16),
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
        match url.port() {
            Some(0) => return Err(InvalidUrl::PortZero),
            Some(port) if BAD_PORTS.contains(&port) => return Err(InvalidUrl::Port(port)),
            _ => {}
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
        assert_eq!(parse("http://127.0.0.1:90/x", Networks::Any).as_deref(), Ok("http://127.0.0.1:90/x"));
    }

    #[test]
    fn a_url_that_messages_must_not_be_sent_to_is_refused() {
        use InvalidUrl::{Fragment, Malformed, Port, PortZero, PrivateAddress, Scheme, TooLong, UserInfo};
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
            ("https://example.com:0/", PortZero),
            ("https://example.com:00022/", Port(22)),
            ("https://example.com:25/", Port(25)),
            ("https://1.1.1.1:6667/", Port(6667)),
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
        assert_eq!(parse("http://127.0.0.1:25/", Networks::Any), Err(Port(25)));
    }
}
