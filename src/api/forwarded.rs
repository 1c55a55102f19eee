//! Who the client is behind proxies: `X-Forwarded-For`, and `Forwarded` (RFC 7239).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use poem::http::{HeaderMap, HeaderName, header};

use crate::core::settings::ForwardedHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies that are believed, and where they write whom they forward for.
#[derive(Clone, Debug)]
pub struct Proxies {
    /// Their networks.
    pub trusted: Vec<IpNet>,
    /// The header they write.
    pub header: ForwardedHeader,
}

impl Proxies {
    /// The peer, unless it is a trusted proxy: then the right-most hop that is not one. What stands further left was
    /// written by whoever sent it.
    pub fn client_of(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
        if !self.trust(client) {
            warn_once(client, headers);
            return client;
        }
        let name = match self.header {
            ForwardedHeader::Either if !headers.contains_key(X_FORWARDED_FOR) => header::FORWARDED,
            ForwardedHeader::Either | ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let is_standard = name == header::FORWARDED;
        let mut hops: Vec<&[u8]> = Vec::new();
        for line in headers.get_all(&name) {
            // X-Forwarded-For has no quotes: one that a client opens must not swallow what proxies add.
            if is_standard {
                hops.extend(split(line.as_bytes(), b','));
            } else {
                hops.extend(line.as_bytes().split(|byte| *byte == b','));
            }
        }
        for hop in hops.into_iter().rev() {
            let node = if is_standard { value_of("for", hop) } else { text(hop) };
            // What cannot be read ends the walk: skipping it would believe what stands before it.
            let Some(ip) = node.as_deref().and_then(address) else { break };
            client = ip.to_canonical();
            if !self.trust(client) {
                break;
            }
        }
        client
    }

    /// Whether a trusted proxy says that the client came with TLS. The left-most hop is the client's; somebody who forges
    /// it forges what the own browser is told.
    pub fn say_https(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
        if !peer.is_some_and(|peer| self.trust(peer.to_canonical())) {
            return false;
        }
        let first =
            |name: &HeaderName| headers.get(name).and_then(|line| split(line.as_bytes(), b',').next());
        let forwarded = || first(&header::FORWARDED).and_then(|hop| value_of("proto", hop));
        let x_forwarded = || first(&X_FORWARDED_PROTO).and_then(text);
        let protocol = match self.header {
            ForwardedHeader::Either => x_forwarded().or_else(forwarded),
            ForwardedHeader::XForwardedFor => x_forwarded(),
            ForwardedHeader::Forwarded => forwarded(),
        };
        protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case("https"))
    }

    fn trust(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&ip))
    }
}

/// Tells the operator, once in the life of the process, that headers of a proxy were not believed: the usual cause is a proxy
/// that is missing in the settings, and then all clients share its address and its limits.
fn warn_once(peer: IpAddr, headers: &HeaderMap) {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    if !IS_TOLD.load(Ordering::Relaxed)
        && let Some(header) =
            [X_FORWARDED_FOR, header::FORWARDED].into_iter().find(|name| headers.contains_key(name))
        && !IS_TOLD.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            %peer,
            %header,
            "a forwarding header is ignored, because its sender is not in TRUSTED_PROXIES: add the address if it is your \
             proxy's; otherwise a client made the header up. This is said once"
        );
    }
}

/// The parts between separators that do not stand in quotes. A quote that is not closed goes to the end: its part, the
/// last one, cannot be read then.
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

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(|text| text.trim_matches([' ', '\t']).to_owned())
}

/// A value of an element such as `for="[2001:db8::1]:80";proto=https`. Two of a name are none: which one would count?
fn value_of(wanted: &str, element: &[u8]) -> Option<String> {
    let mut found = None;
    for pair in split(element, b';') {
        let pair = text(pair)?;
        let Some((name, value)) = pair.split_once('=') else { continue };
        if name.eq_ignore_ascii_case(wanted) && found.replace(unquoted(value)?).is_some() {
            return None;
        }
    }
    found
}

/// A token as it is, or a quoted string without its quotes (RFC 9110, 5.6.4).
fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let mut unquoted = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '\\' => unquoted.push(characters.next()?),
            '"' => return characters.next().is_none().then_some(unquoted),
            character => unquoted.push(character),
        }
    }
}

/// The address of a node, with or without a port; `None` for `unknown` and for hidden ones (`_a1b2`).
fn address(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
    bare.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

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
        let trusted = trusted.iter().map(|network| network.parse().unwrap()).collect();
        Proxies { trusted, header }.client_of(Some(peer.parse().unwrap()), &headers(lines)).to_string()
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
    fn a_hop_that_names_nobody_ends_the_walk_at_the_proxy_that_wrote_it() {
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
    fn a_client_came_with_tls_if_a_trusted_proxy_says_so_in_the_header_that_it_writes() {
        use ForwardedHeader::{Either, Forwarded, XForwardedFor};
        let says = |header, peer: &str, lines: &[(&'static str, &str)]| {
            let proxies = Proxies { trusted: vec!["10.0.0.0/8".parse().unwrap()], header };
            proxies.say_https(Some(peer.parse().unwrap()), &headers(lines))
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
}
