use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use reqwest::{Method, Request, Response, StatusCode, header::RETRY_AFTER};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A new `Idempotency-Key`: a request that is sent again with its key has its effect once.
pub(crate) fn new_key() -> String {
    // A state has keys that are random for each thread and different each time.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let [one, two] = [RandomState::new(), RandomState::new()].map(|state| state.hash_one(now));
    format!("{one:016x}{two:016x}")
}

/// Whether a request may be carried out twice: it has a key, or its method says so.
pub(crate) fn is_idempotent(request: &Request) -> bool {
    ![Method::POST, Method::PATCH].contains(request.method())
        || request.headers().contains_key(IDEMPOTENCY_KEY)
}

const MAX_RETRIES: u32 = 3;

/// The longest wait before a retry. If the service asks for more, the call fails at once.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The first wait after a response without `Retry-After`. It doubles with each retry.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A refused request that is about to be sent again.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The request's method.
    pub method: Method,
    /// The request's path.
    pub path: String,
    /// The status of the refusal: 429 or 503.
    pub status: StatusCode,
    /// The time between the refusal and the retry.
    pub wait: Duration,
}

/// How long to wait before a request is sent again; `None` if it is not sent again.
pub(crate) fn wait_before(is_idempotent: bool, response: &Response, retries: u32) -> Option<Duration> {
    if retries == MAX_RETRIES || !may_repeat(is_idempotent, response.status()) {
        return None;
    }
    let named = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = named.and_then(|value| retry_after(value, SystemTime::now()));
    Some(wait.unwrap_or(FIRST_WAIT * 2_u32.pow(retries))).filter(|wait| *wait <= MAX_WAIT)
}

/// Whether the request may be sent again. After a 429 nothing was done; after a 503 it may have
/// been, which does no harm to one that is idempotent.
fn may_repeat(is_idempotent: bool, status: StatusCode) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::SERVICE_UNAVAILABLE => is_idempotent,
        _ => false,
    }
}

/// Parses `Retry-After`: seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Response {
        let mut answer = http::Response::builder().status(status);
        if let Some(value) = retry_after {
            answer = answer.header(RETRY_AFTER, value);
        }
        answer.body("").unwrap_or_default().into()
    }

    fn seconds(method: &Method, status: u16, retry_after: Option<&str>, retries: u32) -> Option<u64> {
        let url = reqwest::Url::parse("https://api.example.com/").ok()?;
        let is_idempotent = is_idempotent(&Request::new(method.clone(), url));
        wait_before(is_idempotent, &answer(status, retry_after), retries).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_refused_request_waits_for_as_long_as_it_is_told() {
        assert_eq!(seconds(&Method::POST, 429, Some("7"), 0), Some(7));
        assert_eq!(seconds(&Method::GET, 503, Some("60"), 2), Some(60));
        assert_eq!(seconds(&Method::GET, 429, Some("Wed, 21 Oct 2015 07:28:00 GMT"), 0), Some(0));
    }

    #[test]
    fn without_a_time_the_wait_doubles() {
        let waits = [0, 1, 2, 3].map(|retries| seconds(&Method::GET, 429, None, retries));
        assert_eq!(waits, [Some(1), Some(2), Some(4), None]);
        assert_eq!(seconds(&Method::GET, 429, Some("soon"), 1), Some(2));
    }

    #[test]
    fn a_request_with_a_key_may_be_carried_out_twice() {
        let Ok(url) = "https://api.example.com/".parse() else { return };
        let mut request = Request::new(Method::POST, url);
        assert!(!is_idempotent(&request));
        let key = new_key().parse();
        request.headers_mut().extend(key.map(|key| (http::HeaderName::from_static(IDEMPOTENCY_KEY), key)));
        assert!(is_idempotent(&request));
        assert_ne!(new_key(), new_key());
    }

    #[test]
    fn what_may_have_been_carried_out_and_what_takes_too_long_is_not_repeated() {
        assert_eq!(seconds(&Method::POST, 503, Some("1"), 0), None);
        assert_eq!(seconds(&Method::PATCH, 503, Some("1"), 0), None);
        assert_eq!(seconds(&Method::GET, 500, None, 0), None);
        assert_eq!(seconds(&Method::GET, 429, Some("61"), 0), None);
    }
}
