//! Refuses requests whose host or framing is not what their version of HTTP demands.

use std::sync::Arc;

use futures_util::future::Either;
use poem::http::uri::Authority;
use poem::http::{HeaderMap, HeaderValue, Uri, Version, header};
use poem::{Endpoint, Request, Response};

use crate::error::{ApiError, ErrorCode};
use crate::request::{Malformed, RequestScope};

/// Answers 400 or 501 to malformed requests.
pub(super) struct WellFormed<E> {
    pub inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for WellFormed<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        match check(request.version(), request.uri(), request.headers()) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(malformed) => Either::Right(Box::pin(self.refuse(request, malformed))),
        }
    }
}

impl<E: Endpoint<Output = Response>> WellFormed<E> {
    async fn refuse(&self, request: Request, malformed: Malformed) -> poem::Result<Response> {
        let (scope, version) = (Arc::clone(RequestScope::get(&request)?), request.version());
        scope.malformed.get_or_init(|| malformed);
        // The route is still called, so that the rate limit counts the request before it is
        // refused.
        let refused = self.inner.call(request).await.err().filter(|_| scope.operation.get().is_some());
        let error = refused.and_then(|error| error.downcast::<ApiError>().ok()).unwrap_or(malformed.into());
        let mut response = error.respond(scope.context().request_id.as_str());
        if version < Version::HTTP_2 {
            // A proxy in front may have framed the request differently, and with it what follows.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}

/// # Errors
/// 400 for a host that is missing, ambiguous or invalid (RFC 9112, 3.2; RFC 9113, 8.3.1); 501 for a
/// transfer coding other than chunks (RFC 9112, 6.1).
pub(super) fn check(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Malformed> {
    check_host(version, uri, headers).map_err(|message| Malformed(ErrorCode::MALFORMED_REQUEST, message))?;
    check_transfer_coding(headers)
}

fn check_host(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
    let mut lines = headers.get_all(header::HOST).iter();
    let host = lines.next();
    if lines.next().is_some() {
        return Err("The request has more than one Host header.");
    }
    if uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
        return Err("The scheme of the request is neither http nor https.");
    }
    let authority = uri.authority().map(Authority::as_str);
    if authority.is_some_and(|authority| !is_authority(authority.as_bytes())) {
        return Err("The authority of the request is not a host.");
    }
    match host.map(HeaderValue::as_bytes) {
        None if version == Version::HTTP_11 => Err("The request has no Host header."),
        // RFC 9110, 7.2: a client that sends no `:authority` sends Host.
        None if version >= Version::HTTP_2 && authority.is_none() => {
            Err("The request has neither :authority nor a Host header.")
        }
        // Empty where the target has no authority, or brings its own (RFC 9112, 3.2 and 3.2.2). An
        // http URI needs one.
        Some(b"") if version == Version::HTTP_10 || uri.path() == "*" => Ok(()),
        Some(b"") if version == Version::HTTP_11 && authority.is_some() => Ok(()),
        Some(host) if !is_authority(host) => Err("The Host header is not a host."),
        // In HTTP/1 the target's own authority counts, whatever Host says (RFC 9112, 3.2.2).
        Some(host) if version >= Version::HTTP_2 => match authority {
            Some(authority) if !is_same(authority.as_bytes(), host, uri.scheme_str()) => {
                Err("The Host header and :authority differ.")
            }
            _ => Ok(()),
        },
        None | Some(_) => Ok(()),
    }
}

/// Whether this is a host with an optional port (RFC 9110, 7.2), without user information and with
/// the characters of RFC 3986, 3.2.2 only.
fn is_authority(text: &[u8]) -> bool {
    let (host, port) = split(text);
    let is_port = port.is_none_or(|port| {
        let digits = port.iter().all(u8::is_ascii_digit);
        // An empty port is the scheme's default (RFC 3986, 3.2.3).
        digits && (port.is_empty() || std::str::from_utf8(port).is_ok_and(|port| port.parse::<u16>().is_ok()))
    });
    is_port && (is_ip_literal(host) || is_name(host))
}

/// Splits a host from its port.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    // The colons of an IPv6 address stand in brackets.
    let name_ends = text.iter().rposition(|byte| *byte == b']').map_or(0, |bracket| bracket + 1);
    match text[name_ends..].iter().position(|byte| *byte == b':') {
        Some(colon) => (&text[..name_ends + colon], Some(&text[name_ends + colon + 1..])),
        None => (text, None),
    }
}

/// Whether this is an IPv6 address in brackets. `IPvFuture` is not supported.
fn is_ip_literal(host: &[u8]) -> bool {
    let inner = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"));
    inner
        .and_then(|inner| std::str::from_utf8(inner).ok())
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Whether this is a `reg-name` that is not empty, which an IPv4 address is too.
fn is_name(host: &[u8]) -> bool {
    let mut rest = host;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            (first, after) if first.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(first) => after,
            _ => return false,
        };
    }
    !host.is_empty()
}

/// Whether two authorities are equal. The scheme's default port may be omitted (RFC 3986, 6.2.3).
fn is_same(one: &[u8], other: &[u8], scheme: Option<&str>) -> bool {
    let usual: &[u8] = if scheme == Some("http") { b"80" } else { b"443" };
    let port = |port: Option<&'_ [u8]>| port.is_some_and(|port| !port.is_empty() && port != usual);
    let ((one, one_port), (other, other_port)) = (split(one), split(other));
    one.eq_ignore_ascii_case(other)
        && match (port(one_port), port(other_port)) {
            (false, false) => true,
            (true, true) => one_port == other_port,
            _ => false,
        }
}

/// Accepts `chunked` once. hyper refuses codings that do not end with it.
fn check_transfer_coding(headers: &HeaderMap) -> Result<(), Malformed> {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter().peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    let codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut chunked = 0;
    for coding in codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty()) {
        if !coding.eq_ignore_ascii_case(b"chunked") {
            let message = "The only supported transfer coding is chunked.";
            return Err(Malformed(ErrorCode::NOT_IMPLEMENTED, message));
        }
        chunked += 1;
    }
    if chunked == 1 {
        return Ok(());
    }
    Err(Malformed(ErrorCode::MALFORMED_REQUEST, "The body is chunked more than once."))
}

#[cfg(test)]
mod tests {
    use poem::http::request;

    use super::*;

    fn parts(version: Version, uri: &str, headers: &[(&str, &str)]) -> request::Parts {
        let mut request = request::Builder::new().version(version).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn status(version: Version, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let parts = parts(version, uri, headers);
        match check(version, &parts.uri, &parts.headers) {
            Ok(()) => 200,
            Err(malformed) => ApiError::from(malformed).respond("id").status().as_u16(),
        }
    }

    #[test]
    fn a_host_is_what_its_grammar_says() {
        for host in [
            "example.com",
            "EXAMPLE.com:8000",
            "192.0.2.1",
            "[2001:db8::1]",
            "[::1]:80",
            "a_b",
            "localhost:",
            "a%20b",
            "x.",
            "[::ffff:192.0.2.1]",
        ] {
            assert!(is_authority(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            ":80",
            "a/../b",
            "a b",
            "user@host",
            "a:b",
            "a:70000",
            "a:1:2",
            "[::1",
            "::1",
            "[::1]x",
            "[fe80::1%25eth0]",
            "a?b",
            "a#b",
            "ä",
            "a%2",
            "a,b c",
            "[v1.x]",
            "http://a",
        ] {
            assert!(!is_authority(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn http_1_1_has_one_sound_host() {
        for (headers, expected) in [
            (&[("host", "a")][..], 200),
            (&[], 400),
            (&[("host", "a"), ("host", "a")], 400),
            (&[("host", "a/../b")], 400),
            (&[("host", "")], 400),
        ] {
            assert_eq!(status(Version::HTTP_11, "/", headers), expected, "{headers:?}");
        }
        // The target's authority counts.
        assert_eq!(status(Version::HTTP_11, "http://a/", &[("host", "b")]), 200);
        assert_eq!(status(Version::HTTP_11, "http://a/", &[("host", "")]), 200);
        assert_eq!(status(Version::HTTP_11, "http://a/", &[]), 400);
        assert_eq!(status(Version::HTTP_11, "http://u@a/", &[("host", "a")]), 400);
        assert_eq!(status(Version::HTTP_11, "ftp://a/", &[("host", "a")]), 400);
    }

    #[test]
    fn http_1_0_may_leave_its_host_out_but_not_garble_it() {
        assert_eq!(status(Version::HTTP_10, "/", &[]), 200);
        assert_eq!(status(Version::HTTP_10, "/", &[("host", "")]), 200);
        assert_eq!(status(Version::HTTP_10, "/", &[("host", "a b")]), 400);
        assert_eq!(status(Version::HTTP_10, "/", &[("host", "a"), ("host", "b")]), 400);
    }

    #[test]
    fn http_2_has_one_authority_however_it_is_written() {
        for (uri, headers, expected) in [
            ("http://a/", &[][..], 200),
            ("http://a/", &[("host", "A:80")], 200),
            ("https://a:443/", &[("host", "a")], 200),
            ("http://a/", &[("host", "a:443")], 400),
            ("http://a/", &[("host", "b")], 400),
            ("http://a/", &[("host", "")], 400),
            ("http://a/", &[("host", "a"), ("host", "a")], 400),
            ("http://u@a/", &[], 400),
            ("javascript://a/", &[], 400),
            ("/", &[("host", "a")], 200),
            ("/", &[], 400),
        ] {
            assert_eq!(status(Version::HTTP_2, uri, headers), expected, "{uri} {headers:?}");
        }
    }

    #[test]
    fn chunks_are_the_only_transfer_coding() {
        for (codings, expected) in [
            (&["chunked"][..], 200),
            (&["Chunked"], 200),
            (&[", chunked"], 200),
            (&["gzip, chunked"], 501),
            (&["cow", "chunked"], 501),
            (&["chunked", "chunked"], 400),
            (&["chunked, chunked"], 400),
        ] {
            let lines = codings.iter().map(|coding| ("transfer-encoding", *coding));
            let headers: Vec<_> = std::iter::once(("host", "a")).chain(lines).collect();
            assert_eq!(status(Version::HTTP_11, "/", &headers), expected, "{codings:?}");
        }
    }
}
