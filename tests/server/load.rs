//! More requests than the service takes at once.

use crate::support::begun::begun;
use crate::support::{Backend, Service};
use crate::wire::until_closed;

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_requests_under_way_one_is_refused_at_once_and_health_answers() {
    let limits = [("MAX_REQUESTS", "1"), ("BODY_TIMEOUT", "2")];
    let service = Service::start_with(Backend::Sqlite, &limits).await;
    // One is under way for as long as its body does not come.
    let mut slow = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    let refused = service.call("GET", "/api/v1/users/me").send().await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.expect_error(503, "service_unavailable");
    for path in ["/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready"] {
        let _ = service.call("GET", path).send().await.expect(200);
    }
    until_closed(&mut slow).await;
    let _ = service.call("GET", "/").send().await.expect(200);
}
