//! Security headers for every response.

use futures_util::TryFutureExt;
use groundwork_server::client::TrustedProxies;
use poem::http::uri::Scheme;
use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use poem::{Endpoint, Request, Response};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// For responses that are not pages: a browser that shows one loads, runs and embeds nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
);

/// One year, the minimum (OWASP ASVS 5.0, 3.4.1), subdomains included.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Sets the headers that every response has, and defaults for those that a response may set itself:
/// pages have their own policy, and the document may be read from any origin.
pub(super) struct SecurityHeaders<E> {
    pub inner: E,
    pub proxies: TrustedProxies,
}

impl<E: Endpoint<Output = Response>> Endpoint for SecurityHeaders<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        let is_encrypted = self.is_encrypted(&request) && !is_localhost(&request);
        self.inner.call(request).map_ok(move |mut response| {
            set_headers(response.headers_mut(), is_encrypted);
            response
        })
    }
}

fn set_headers(headers: &mut HeaderMap, is_encrypted: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let resource_policy = if is_public(headers) { "cross-origin" } else { "same-origin" };
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static(resource_policy));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    // Responses may hold personal data, unless they say otherwise as the pages and the document
    // do.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_encrypted {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
}

impl<E> SecurityHeaders<E> {
    /// Whether the client uses TLS, to this process or to a trusted proxy.
    fn is_encrypted(&self, request: &Request) -> bool {
        let peer = request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip);
        *request.scheme() == Scheme::HTTPS || self.proxies.is_https(peer, request.headers())
    }
}

/// HSTS for `localhost` would break every plain HTTP server on a developer's machine, on every
/// port.
fn is_localhost(request: &Request) -> bool {
    let written = request.header(header::HOST).or_else(|| request.uri().host()).unwrap_or_default();
    let name = written.split(':').next().unwrap_or_default().to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether any origin may read the response.
fn is_public(headers: &HeaderMap) -> bool {
    headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|origin| origin == "*")
}
