//! The client of a request behind proxies: `X-Forwarded-For`, and `Forwarded` (RFC 7239).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Once;

use hyper::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What a client is counted by: an IPv4 address, or the /64 of an IPv6 address. A /64 is the least
/// that one customer gets, so counting by address would give it 2^64 limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// Which header the trusted proxies write. A header that they pass on unchanged is the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, or `Forwarded` where that is missing.
    Either,
    /// `X-Forwarded-For` only.
    XForwardedFor,
    /// `Forwarded` only (RFC 7239).
    Forwarded,
}

/// The proxies whose forwarding header is trusted.
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    /// Their networks.
    pub networks: Vec<IpNet>,
    /// The header they write.
    pub header: ForwardedHeader,
    /// What the operator calls this list, for a warning: the name of a setting, for example.
    pub setting: &'static str,
}

impl TrustedProxies {
    /// The peer, unless it is a trusted proxy: then the right-most hop that is not one. Hops
    /// further left are the claims of an untrusted sender. A missing peer is `0.0.0.0`.
    pub fn client_address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
        if !self.contain(client) {
            self.warn_once(client, headers);
            return client;
        }
        let name = match self.header {
            ForwardedHeader::Either if !headers.contains_key(X_FORWARDED_FOR) => FORWARDED,
            ForwardedHeader::Either | ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => FORWARDED,
        };
        let is_standard = name == FORWARDED;
        let mut hops: Vec<&[u8]> = Vec::new();
        for line in headers.get_all(&name) {
            // X-Forwarded-For has no quotes: one that a client opens must not swallow the hops that
            // proxies append.
            if is_standard {
                hops.extend(split(line.as_bytes(), b','));
            } else {
                hops.extend(line.as_bytes().split(|byte| *byte == b','));
            }
        }
        for hop in hops.into_iter().rev() {
            let node = if is_standard { parameter("for", hop) } else { text(hop).map(Cow::Borrowed) };
            // An unreadable hop ends the walk: skipping it would trust the hops before it.
            let Some(ip) = node.as_deref().and_then(parse_node) else { break };
            client = ip.to_canonical();
            if !self.contain(client) {
                break;
            }
        }
        client
    }

    /// Whether a trusted proxy says that the client connected with TLS. Of several hops the
    /// left-most counts, the client's own: forging it affects only the client that forges it.
    pub fn is_https(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
        if !peer.is_some_and(|peer| self.contain(peer.to_canonical())) {
            return false;
        }
        let first =
            |name: &HeaderName| headers.get(name).and_then(|line| split(line.as_bytes(), b',').next());
        let standard = || first(&FORWARDED).and_then(|hop| parameter("proto", hop));
        let x_forwarded = || first(&X_FORWARDED_PROTO).and_then(text).map(Cow::Borrowed);
        let protocol = match self.header {
            ForwardedHeader::Either => x_forwarded().or_else(standard),
            ForwardedHeader::XForwardedFor => x_forwarded(),
            ForwardedHeader::Forwarded => standard(),
        };
        protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("https"))
    }

    fn contain(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&ip))
    }

    /// Warns once per process that the header of an untrusted peer was ignored. The usual cause is
    /// a proxy that is missing in the configuration, so that all clients share its address and
    /// limits.
    fn warn_once(&self, peer: IpAddr, headers: &HeaderMap) {
        static WARNING: Once = Once::new();
        if !WARNING.is_completed()
            && let Some(header) =
                [X_FORWARDED_FOR, FORWARDED].into_iter().find(|name| headers.contains_key(name))
        {
            WARNING.call_once(|| {
                tracing::warn!(
                    %peer,
                    %header,
                    "a forwarding header is ignored because its sender is not in {}: add the address if it is \
                     your proxy's; otherwise a client made the header up. Logged once",
                    self.setting
                );
            });
        }
    }
}

/// The parts between separators outside quotes. An unclosed quote extends to the end, which makes
/// the last part unreadable.
fn split(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    bytes.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            byte => return !quoted && *byte == separator,
        }
        false
    })
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().map(|text| text.trim_matches([' ', '\t']))
}

/// The value of a parameter in an element such as `for="[2001:db8::1]:80";proto=https`. `None` if
/// it occurs twice, because either value could be the forged one.
fn parameter<'a>(wanted: &str, element: &'a [u8]) -> Option<Cow<'a, str>> {
    let mut found = None;
    for pair in split(element, b';') {
        let Some((name, value)) = text(pair)?.split_once('=') else { continue };
        if name.eq_ignore_ascii_case(wanted) && found.replace(unquote(value)?).is_some() {
            return None;
        }
    }
    found
}

/// The value of a token or a quoted string (RFC 9110, 5.6.4).
fn unquote(value: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = value.strip_prefix('"') else { return Some(Cow::Borrowed(value)) };
    let mut unquoted = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '\\' => unquoted.push(characters.next()?),
            '"' => return characters.next().is_none().then_some(Cow::Owned(unquoted)),
            character => unquoted.push(character),
        }
    }
}

/// The address of a node, with or without a port. `None` for `unknown` and obfuscated identifiers
/// such as `_a1b2` (RFC 7239, 6).
fn parse_node(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
    bare.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(*name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers
    }

    fn client_by(
        header: ForwardedHeader,
        peer: &str,
        lines: &[(&'static str, &str)],
        trusted: &[&str],
    ) -> String {
        let networks = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let proxies = TrustedProxies { networks, header, setting: "PROXIES" };
        proxies.client_address(Some(peer.parse().unwrap()), &headers(lines)).to_string()
    }

    fn client(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        client_by(ForwardedHeader::Either, peer, &lines, trusted)
    }

    fn forwarded(line: &str) -> String {
        client_by(ForwardedHeader::Either, "10.0.0.1", &[("forwarded", line)], &["10.0.0.0/8"])
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_claims() {
        assert_eq!(client("192.0.2.1", &["203.0.113.9"], &[]), "192.0.2.1");
        assert_eq!(client("192.0.2.1", &["203.0.113.9", "198.51.100.1"], &["10.0.0.0/8"]), "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_the_right_most_untrusted_hop_is_the_client() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1", &["203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9:4711"], trusted), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], trusted), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(client("::ffff:10.0.0.1", &["2001:db8::1"], trusted), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["garbage"], trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["\", 203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "ÿ, 203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "203.0.113.9, ÿ"], trusted), "10.0.0.1");
    }

    #[test]
    fn every_form_of_a_forwarded_hop_is_read() {
        assert_eq!(forwarded("for=203.0.113.9"), "203.0.113.9");
        assert_eq!(forwarded("For=203.0.113.9;proto=https;by=10.0.0.1"), "203.0.113.9");
        assert_eq!(forwarded(r#"proto=https; for="203.0.113.9:4711""#), "203.0.113.9");
        assert_eq!(forwarded(r#"for="[2001:db8::1]""#), "2001:db8::1");
        assert_eq!(forwarded(r#"for="[2001:db8::1]:4711""#), "2001:db8::1");
        assert_eq!(forwarded(r#"for=1.1.1.1, for=203.0.113.9, for="\10.0.0.2""#), "203.0.113.9");
        assert_eq!(forwarded(r#"for=1.1.1.1, for=203.0.113.9;host="a,b;for=2.2.2.2""#), "203.0.113.9");
    }

    #[test]
    fn a_hop_without_an_address_ends_the_walk_at_the_proxy_that_wrote_it() {
        for line in [
            "for=unknown",
            "for=_hidden",
            "proto=https",
            "for=203.0.113.9, for=unknown",
            r#"for=203.0.113.9, for="_gazonk""#,
            "for=1.1.1.1;for=2.2.2.2",
            r#"for="203.0.113.9"#,
            r#"for=203.0.113.9, host="open"#,
            "",
        ] {
            assert_eq!(forwarded(line), "10.0.0.1", "{line}");
        }
    }

    #[test]
    fn a_client_connected_with_tls_if_a_trusted_proxy_says_so_in_the_header_that_it_writes() {
        use ForwardedHeader::{Either, Forwarded, XForwardedFor};
        let says = |header, peer: &str, lines: &[(&'static str, &str)]| {
            let proxies =
                TrustedProxies { networks: vec!["10.0.0.0/8".parse().unwrap()], header, setting: "PROXIES" };
            proxies.is_https(Some(peer.parse().unwrap()), &headers(lines))
        };
        let (x, standard) = ([("x-forwarded-proto", "https")], [("forwarded", "for=1.1.1.1;proto=HTTPS")]);
        for (header, lines, wanted) in [
            (Either, &x[..], true),
            (Either, &standard, true),
            (XForwardedFor, &x, true),
            (XForwardedFor, &standard, false),
            (Forwarded, &x, false),
            (Forwarded, &standard, true),
            (Either, &[("x-forwarded-proto", "https, http")], true),
            (Either, &[("x-forwarded-proto", "http")], false),
            (Either, &[("x-forwarded-proto", "http"), ("forwarded", "proto=https")], false),
            (Either, &[("forwarded", "proto=https;proto=http")], false),
            (Either, &[], false),
        ] {
            assert_eq!(says(header, "10.0.0.1", lines), wanted, "{header:?} {lines:?}");
            assert!(!says(header, "192.0.2.1", lines), "{lines:?}");
        }
    }

    #[test]
    fn of_two_headers_the_one_that_the_proxies_write_counts() {
        let both = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=198.51.100.1")];
        for (header, wanted) in [
            (ForwardedHeader::Either, "203.0.113.9"),
            (ForwardedHeader::XForwardedFor, "203.0.113.9"),
            (ForwardedHeader::Forwarded, "198.51.100.1"),
        ] {
            assert_eq!(client_by(header, "10.0.0.1", &both, &["10.0.0.0/8"]), wanted);
        }
        let other = [("forwarded", "for=198.51.100.1")];
        assert_eq!(
            client_by(ForwardedHeader::XForwardedFor, "10.0.0.1", &other, &["10.0.0.0/8"]),
            "10.0.0.1"
        );
    }

    #[test]
    fn an_ipv6_client_is_its_64_and_an_ipv4_client_its_address() {
        let network = |address: &str| ClientNetwork::from(address.parse::<IpAddr>().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:0:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
