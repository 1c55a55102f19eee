//! More requests than the service takes at once.

use tokio::io::AsyncWriteExt;

use crate::support::{Backend, Service};
use crate::wire::{connect, until_closed};

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_requests_under_way_one_is_refused_at_once_and_health_answers() {
    let limits = [("MAX_REQUESTS", "1"), ("BODY_TIMEOUT", "2")];
    let service = Service::start_with(Backend::Sqlite, &limits).await;
    // One is under way for as long as its body does not come.
    let mut slow = connect(&service.instance).await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    crate::support::redis::eventually("there is no room", async || {
        service.call("GET", "/").send().await.status == 503
    })
    .await;
    let refused = service.call("GET", "/api/v1/users/me").send().await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.expect_error(503, "service_unavailable");
    for path in ["/api/v1/health", "/api/v1/health/live", "/api/v1/health/ready"] {
        let _ = service.call("GET", path).send().await.expect(200);
    }
    until_closed(&mut slow).await;
    let _ = service.call("GET", "/").send().await.expect(200);
}
