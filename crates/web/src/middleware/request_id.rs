//! Gives every request an id, or keeps the client's if it is valid.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use futures_util::TryFutureExt;
use groundwork_server::client::TrustedProxies;
use groundwork_telemetry::context::RequestId;
use poem::http::{HeaderName, HeaderValue};
use poem::{Endpoint, Request, Response};

use crate::request::RequestScope;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The length limit of a client's id, in characters.
const MAX_LENGTH: usize = 64;

pub(super) struct AssignRequestId<E> {
    pub inner: E,
    pub proxies: TrustedProxies,
}

impl<E: Endpoint<Output = Response>> Endpoint for AssignRequestId<E> {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        let sent = request.header(X_REQUEST_ID).filter(|id| is_valid(id));
        let id = sent.map_or_else(|| RequestId::Made(new_id()), |id| RequestId::Sent(id.to_owned()));
        let header = HeaderValue::from_str(id.as_str());
        let scope = RequestScope::new(&request, id, &self.proxies);
        request.set_data(Arc::new(scope));
        self.inner.call(request).map_ok(move |mut response| {
            if let Ok(header) = header {
                response.headers_mut().insert(X_REQUEST_ID, header);
            }
            response
        })
    }
}

/// A client's id reaches logs, headers and the database, so only the usual alphabets of ids are
/// valid.
fn is_valid(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

/// A unique id, which need not be secret: the number of the request, hashed to 128 bits with a key
/// of this process. Random bits would cost a system call per request.
fn new_id() -> String {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{:016x}", KEY.hash_one(number), KEY.hash_one(!number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_forge_a_log_line_are_replaced() {
        for id in ["", "a b", "a\u{1b}[31m", "a\tb", &"x".repeat(65), "é", "a,b", "{\"a\":1}"] {
            assert!(!is_valid(id), "{id:?}");
        }
        assert!(is_valid("018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a") && is_valid(&new_id()));
    }

    #[test]
    fn no_client_can_send_an_id_with_the_mark_of_another_origin() {
        for mark in
            [RequestId::CommandLine.for_audit(), RequestId::Sent("command-line".to_owned()).for_audit()]
        {
            assert!(!is_valid(&mark), "{mark}");
        }
        assert_eq!(RequestId::Sent("abc".to_owned()).for_audit(), "client/abc");
        assert_eq!(RequestId::Made("abc".to_owned()).for_audit(), "abc");
    }

    #[test]
    fn no_two_requests_have_the_same_id() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| new_id()).collect();
        assert!(ids.len() == 10_000 && ids.iter().all(|id| id.len() == 32));
    }
}
