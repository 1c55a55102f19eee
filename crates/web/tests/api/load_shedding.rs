//! Rate limits, the limit of requests in flight, and bodies that are still arriving.

use std::time::Duration;

use futures_util::{FutureExt, stream};
use groundwork_clock::Clock;
use groundwork_state::rate_limit::{Quota, RateLimiter};
use groundwork_web::load_shedder::LoadShedder;
use groundwork_web::rate_limits::RateLimits;
use poem::{Body as Content, Endpoint, Request};
use serde_json::json;

use super::{app, get, post, read};

const LONG: Duration = Duration::from_mins(1);

/// A request whose body never arrives.
fn stalled() -> Request {
    let never = stream::pending::<Result<Vec<u8>, std::io::Error>>();
    post("application/json", Content::from_bytes_stream(never))
}

#[tokio::test]
async fn a_client_above_its_rate_limit_is_refused_until_the_window_has_moved() {
    let clock = Clock::default();
    let rate_limits = RateLimits {
        limiter: RateLimiter::new(None, clock.clone()),
        general: Quota::new("general", 2),
        credentials: Quota::new("credentials", 1),
    };
    let app = app(Some(rate_limits), LoadShedder::new(10, 10), LONG);
    for remaining in ["1", "0"] {
        let response = app.get_response(get("/broken")).await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.header("ratelimit-remaining"), Some(remaining));
    }
    let refused = app.get_response(get("/broken")).await;
    assert_eq!(refused.header("ratelimit-limit"), Some("2"));
    assert_eq!(refused.header("retry-after"), refused.header("ratelimit-reset"));
    let (status, body) = read(refused).await;
    assert_eq!((status, &body["error"]), (429, &json!("rate_limited")));
    assert_eq!(app.get_response(get("/live")).await.status(), 204, "no limit");
    clock.advance(Duration::from_secs(61));
    assert_eq!(app.get_response(get("/broken")).await.status(), 500);
}

#[tokio::test]
async fn requests_above_the_limit_are_refused_at_once_except_for_health_checks() {
    let app = app(None, LoadShedder::new(0, 10), LONG);
    let response = app.get_response(get("/broken")).await;
    assert_eq!(response.header("retry-after"), Some("1"));
    let (status, body) = read(response).await;
    assert_eq!((status, &body["error"]), (503, &json!("service_unavailable")));
    assert_eq!(app.get_response(get("/live")).await.status(), 204);
}

#[tokio::test]
async fn a_body_that_is_still_arriving_holds_no_permit_and_can_be_evicted() {
    let app = app(None, LoadShedder::new(1, 1), LONG);
    let mut first = Box::pin(app.get_response(stalled()));
    assert!(first.as_mut().now_or_never().is_none());
    assert_eq!(app.get_response(get("/broken")).await.status(), 500, "the permit is free");
    let mut second = Box::pin(app.get_response(stalled()));
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(first.await.status(), 503, "evicted by the second");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_an_error_of_the_client() {
    let app = app(None, LoadShedder::new(1, 1), Duration::from_millis(10));
    let (status, body) = read(app.get_response(stalled()).await).await;
    assert_eq!((status, &body["error"]), (408, &json!("request_timeout")));
}
