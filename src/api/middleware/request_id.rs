//! Gives every request an id, or keeps a sound one that it brings.

use poem::http::{HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse, Request, Response};

use crate::api::forwarded::Proxies;
use crate::api::request::RequestScope;
use crate::core::ids::random_bytes;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is kept, in characters.
const MAX_LENGTH: usize = 64;

pub(super) struct RequestId<E> {
    pub inner: E,
    pub proxies: Proxies,
}

impl<E: Endpoint<Output = Response>> Endpoint for RequestId<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let id = request.header(X_REQUEST_ID).filter(|id| is_sound(id)).map_or_else(new_id, str::to_owned);
        let header = HeaderValue::from_str(&id);
        let scope = RequestScope::of(&request, id, &self.proxies);
        request.set_data(scope);
        let mut response = self
            .inner
            .call(request)
            .await
            .map_or_else(poem::Error::into_response, IntoResponse::into_response);
        if let Ok(header) = header {
            response.headers_mut().insert(X_REQUEST_ID, header);
        }
        Ok(response)
    }
}

/// An id from outside ends up in logs, headers and the database: nothing but the usual alphabets of ids.
fn is_sound(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

fn new_id() -> String {
    // An id need not be a secret: should the random source fail, the request is still served.
    let bytes: [u8; 16] = random_bytes().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_forge_a_log_line_are_replaced() {
        for id in ["", "a b", "a\u{1b}[31m", "a\tb", &"x".repeat(65), "é", "a,b", "{\"a\":1}"] {
            assert!(!is_sound(id), "{id:?}");
        }
        assert!(is_sound("018f6b1e-7a2c-7c31-9a56-0d7c8e6f1b2a") && is_sound(&new_id()));
    }
}
