//! CORS: which origins may call the API from a browser (Fetch standard, "CORS protocol").

use std::future::ready;

use futures_util::TryFutureExt;
use futures_util::future::Either;
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};

use crate::request::RequestScope;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, PUT, DELETE");
/// Request headers beyond the CORS-safelisted ones; the last three carry traces (W3C Trace Context,
/// Baggage).
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-Id, \
     traceparent, tracestate, baggage",
);
/// Response headers beyond the CORS-safelisted ones.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, \
     Deprecation, Sunset, Link, Location, ETag, Idempotency-Replayed, WWW-Authenticate",
);
/// How long a browser may cache a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins that may call the API.
#[derive(Clone, Debug)]
pub enum AllowedOrigins {
    /// These origins, compared exactly.
    Listed(Vec<String>),
    /// Every origin on this machine, on any port, for front ends in development.
    Local,
}

impl AllowedOrigins {
    fn allow(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Listed(listed) => listed.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()),
            Self::Local => origin.to_str().is_ok_and(is_local),
        }
    }
}

/// Whether an origin is `http` or `https` on `localhost`, `127.0.0.1` or `[::1]`, as browsers write
/// it.
fn is_local(origin: &str) -> bool {
    let Some(authority) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
        return false;
    };
    let after = ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|host| authority.strip_prefix(host));
    after.is_some_and(|port| {
        port.is_empty()
            || port.strip_prefix(':').is_some_and(|digits| {
                digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u16>().is_ok()
            })
    })
}

/// Adds the CORS headers. Credentials are never allowed: tokens are in a header that the page sets,
/// and there are no cookies.
pub(super) struct Cors<E> {
    pub inner: E,
    pub origins: AllowedOrigins,
}

impl<E: Endpoint<Output = Response>> Endpoint for Cors<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        let origin =
            request.headers().get(header::ORIGIN).filter(|origin| self.origins.allow(origin)).cloned();
        let response = if is_preflight(&request) {
            Either::Left(ready(Ok(preflight(origin.is_some()))))
        } else {
            Either::Right(self.inner.call(request))
        };
        response.map_ok(move |mut response| {
            let headers = response.headers_mut();
            // On every response, also without an origin: a cache must not serve one origin's
            // response to another.
            vary(headers, "Origin");
            if let Some(origin) = origin {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
            }
            response
        })
    }
}

fn preflight(is_allowed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    vary(headers, "Access-Control-Request-Method, Access-Control-Request-Headers");
    if is_allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && RequestScope::get(request).is_ok_and(|scope| scope.malformed.is_none())
}

fn vary(headers: &mut HeaderMap, names: &'static str) {
    headers.append(header::VARY, HeaderValue::from_static(names));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_of_this_machine_is_one_of_its_names_with_any_port() {
        for local in [
            "http://localhost",
            "http://localhost:3000",
            "https://localhost:5173",
            "http://127.0.0.1:8080",
            "http://[::1]:65535",
        ] {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "null",
            "localhost:3000",
            "ftp://localhost",
            "http://localhost.evil.example",
            "http://localhost:3000.evil.example",
            "http://localhost@evil.example",
            "http://evil.localhost",
            "http://127.0.0.10",
            "http://127.0.0.1.nip.example",
            "http://localhost:",
            "http://localhost:65536",
            "http://localhost:+80",
            "http://localhost/",
            "HTTP://LOCALHOST",
        ] {
            assert!(!is_local(other), "{other}");
        }
    }
}
