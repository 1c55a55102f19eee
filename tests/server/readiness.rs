//! Readiness under many probes.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::{Service, redis::eventually};

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_readiness_probes_share_a_few_queries() {
    let (service, proxy) = Service::start_behind_proxy(&[]).await;
    let ready = || service.call("GET", "/api/v1/health/ready").send();
    ready().await.expect(200);
    let (asked, start) = (proxy.round_trips(), Instant::now());
    let asking: JoinSet<_> = (0..200).map(|_| ready()).collect();
    for answer in asking.join_all().await {
        answer.expect(200);
    }
    // An answer is kept for a second and takes four statements, and what it takes to open a
    // connection counts too.
    let (asked, seconds) = (proxy.round_trips() - asked, start.elapsed().as_secs());
    assert!(asked <= 4 * seconds + 20, "{asked} round trips in {seconds} s for 200 probes");
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_probe_does_not_cancel_the_others() {
    let (service, proxy) = Service::start_behind_proxy(&[]).await;
    let ready = || service.call("GET", "/api/v1/health/ready").send();
    proxy.freeze().await;
    let leaving = tokio::spawn(ready());
    let staying = tokio::spawn(ready());
    tokio::time::sleep(Duration::from_millis(200)).await;
    leaving.abort();
    staying.await.unwrap().expect_error(503, "service_unavailable");
    proxy.thaw();
    eventually("it is ready again", async || ready().await.status == 200).await;
}
