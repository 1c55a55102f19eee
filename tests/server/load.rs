//! More requests than the service takes at once.

use tokio::io::AsyncWriteExt;

use crate::support::begun::begun;
use crate::support::{Backend, Service};
use crate::wire::answer;

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_requests_under_way_one_is_refused_at_once_and_health_answers() {
    let service = Service::start_with(Backend::Sqlite, &[("MAX_REQUESTS", "1")]).await;
    // One is under way for as long as its body does not come.
    let mut slow = begun(&service.instance.url, "/api/v1/auth/login", 2).await;
    let refused = service.call("GET", "/api/v1/users/me").send().await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.expect_error(503, "service_unavailable");
    for path in ["/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready"] {
        let _ = service.call("GET", path).send().await.expect(200);
    }
    slow.write_all(b"{}").await.unwrap();
    assert!(answer(&mut slow).await.starts_with("HTTP/1.1 422"));
    let _ = service.call("GET", "/").send().await.expect(200);
}
