//! What is known about a request while it is served.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ipnet::IpNet;
use poem::http::{HeaderMap, header};
use poem::{FromRequest, Request, RequestBody};

use super::errors::{ErrorCode, Problem};
use super::routes::Operation;
use crate::core::context::{CallContext, MAX_USER_AGENT, printable};
use crate::core::ids::UserId;
use crate::core::rate_limit::Verdict;

/// The context of a request, shared by the middleware around the route and by what is inside it: the log line is
/// written outside, where the route and the user are not known.
#[derive(Clone)]
pub struct RequestScope(Arc<Inner>);

struct Inner {
    context: CallContext,
    user: OnceLock<UserId>,
    operation: OnceLock<Arc<Operation>>,
    verdict: OnceLock<Verdict>,
    parameters_checked: AtomicBool,
}

impl RequestScope {
    /// The scope of a request with this id.
    pub fn of(request: &Request, request_id: String, trusted_proxies: &[IpNet]) -> Self {
        let peer = request.remote_addr().as_socket_addr().map(std::net::SocketAddr::ip);
        let user_agent = request.header(header::USER_AGENT).map(|text| printable(text, MAX_USER_AGENT));
        let ip = client_ip(peer, request.headers(), trusted_proxies);
        Self(Arc::new(Inner {
            context: CallContext { ip, user_agent, request_id },
            user: OnceLock::new(),
            operation: OnceLock::new(),
            verdict: OnceLock::new(),
            parameters_checked: AtomicBool::new(false),
        }))
    }

    /// Where the call comes from.
    pub fn context(&self) -> &CallContext {
        &self.0.context
    }

    /// Who is calling, once a guard has found out.
    pub fn user(&self) -> Option<UserId> {
        self.0.user.get().copied()
    }

    /// Notes who is calling; the first to say so is believed.
    pub fn set_user(&self, user: UserId) {
        self.0.user.get_or_init(|| user);
    }

    /// The operation the request was routed to.
    pub fn operation(&self) -> Option<&Operation> {
        self.0.operation.get().map(Arc::as_ref)
    }

    /// Notes where the request was routed to.
    pub fn set_operation(&self, operation: &Arc<Operation>) {
        self.0.operation.get_or_init(|| Arc::clone(operation));
    }

    /// What the rate limit made of the request; `None` where there is no limit.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.0.verdict.get()
    }

    /// Notes what the rate limit made of the request.
    pub fn set_verdict(&self, verdict: Verdict) {
        self.0.verdict.get_or_init(|| verdict);
    }

    /// True once: the first parameter that is read has all of them checked.
    pub fn begin_parameter_check(&self) -> bool {
        !self.0.parameters_checked.swap(true, Ordering::Relaxed)
    }
}

/// Where the call comes from, as an argument of a handler.
pub struct Context(RequestScope);

impl Deref for Context {
    type Target = CallContext;

    fn deref(&self) -> &CallContext {
        self.0.context()
    }
}

impl<'a> FromRequest<'a> for Context {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let scope = request.data::<RequestScope>().ok_or_else(|| Problem::from(ErrorCode::InternalError))?;
        Ok(Self(scope.clone()))
    }
}

/// The peer, unless it is a trusted proxy: then the right-most hop of `X-Forwarded-For` that is not one. What
/// stands further left was written by whoever sent it.
fn client_ip(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let mut client = peer.unwrap_or(IpAddr::from([0, 0, 0, 0])).to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter();
    let hops: Vec<&[u8]> = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).collect();
    for hop in hops.iter().rev() {
        if !is_trusted(client) {
            break;
        }
        // What cannot be read ends the walk: skipping it would believe what stands before it.
        let Some(ip) = std::str::from_utf8(hop).ok().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) else {
            break;
        };
        client = ip.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", poem::http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_ip(Some(peer.parse().unwrap()), &headers, &trusted).to_string()
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
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], trusted), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(client("::ffff:10.0.0.1", &["2001:db8::1"], trusted), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["garbage"], trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "ÿ, 203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "203.0.113.9, ÿ"], trusted), "10.0.0.1");
    }
}
