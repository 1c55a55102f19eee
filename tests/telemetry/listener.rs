//! The listener for Prometheus.

use std::net::TcpListener;

use groundwork::telemetry::metrics;
use groundwork_telemetry::MetricsHandle;
use serde_json::json;

use crate::support::{Backend, Service, TestDatabase, redis};
use crate::telemetry::collector::Collector;
use crate::telemetry::process::{Process, command};
use crate::telemetry::scrape::Scrape;

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_listener_serves_metrics_and_nothing_else() {
    let process = Process::start(&[]).await;
    let url = process.metrics_url().unwrap();
    let base = url.strip_suffix("/metrics").unwrap();
    let client = reqwest::Client::new();
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    let scrape = Scrape::of(&answer.text().await.unwrap());
    assert_eq!(scrape.get("groundwork_build_info", &version), Some(1.0));
    for path in ["/", "/docs", "/metrics/", "/api/v1/health"] {
        assert_eq!(reqwest::get(format!("{base}{path}")).await.unwrap().status(), 404, "{path}");
    }
    assert_eq!(client.post(&url).send().await.unwrap().status(), 404);
    process.call("GET", "/metrics").send().await.expect_error(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_listener_uses_its_own_address_if_one_is_set() {
    let process = Process::start(&[("METRICS_HOST", "127.0.0.2")]).await;
    assert!(process.metrics_url().unwrap().starts_with("http://127.0.0.2:"));
    // Set before the listener starts; others are recorded by what starts beside it.
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(process.scrape().await.get("groundwork_build_info", &version), Some(1.0));
}

/// What it tells is for the operator, and it asks for no password.
#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_listener_stays_on_loopback_when_the_service_listens_publicly() {
    let process = Process::start(&[("HOST", "0.0.0.0")]).await;
    assert!(process.url.starts_with("http://0.0.0.0:"), "{}", process.url);
    assert!(process.metrics_url().unwrap().starts_with("http://127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metrics_port_in_use_stops_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let database = TestDatabase::create(Backend::Sqlite).await;
    let output = command(&database, &[("METRICS_PORT", &port)]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && said.contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_metrics_port_nothing_listens_and_nothing_is_recorded() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let process = Process::start_on(database, &[]).await;
    assert_eq!(process.metrics_url(), None);
    process.call("GET", "/metrics").send().await.expect_error(404, "not_found");
    let _service = Service::start(Backend::Sqlite).await;
    assert!(MetricsHandle::installed().is_none(), "a service in this process installs no recorder");
}

/// The names of all metrics, as they are exported.
fn names() -> Vec<String> {
    metrics().iter().map(|(name, ..)| format!("groundwork_{name}")).collect()
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn every_documented_metric_is_exported_after_a_few_requests() {
    let (collector, database) = (Collector::start().await, TestDatabase::create(Backend::Postgres).await);
    let job = "INSERT INTO jobs (kind, payload, status, priority, attempts, max_attempts, run_at, created_at) \
               VALUES ('delete_expired', '{}', 'queued', 1, 0, 1, now(), now())";
    database.sql(job).await;
    let (redis, prefix) = (redis::server(), redis::fresh_prefix());
    let extra = [
        ("METRICS_PORT", "0"),
        ("REDIS_URL", redis.as_str()),
        ("REDIS_KEY_PREFIX", prefix.as_str()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("JOB_WORKERS", "2"),
    ];
    let process = Process::start_on(database, &extra).await;
    let (_, access) = process.user("ada@example.com").await;
    process.call("GET", "/api/v1/users/me").bearer(&access).send().await.expect(200);
    // A call to another service: its delivery fails.
    process.database.sql("UPDATE users SET is_superuser = TRUE").await;
    let webhook = json!({"url": "http://127.0.0.1:2/", "events": ["*"]});
    let webhook = process.call("POST", "/api/v1/webhooks").bearer(&access).json(webhook).send().await;
    let test = format!("/api/v1/webhooks/{}/test", webhook.expect(201).json()["id"]);
    process.call("POST", &test).bearer(&access).send().await.expect(202);
    let missing = async || {
        let scrape = process.scrape().await;
        let is_there = |name: &str| {
            let forms = [name.to_owned(), format!("{name}_bucket")];
            scrape.described.contains(name) && scrape.series.iter().any(|it| forms.contains(&it.name))
        };
        names().into_iter().filter(|name| !is_there(name)).collect::<Vec<_>>()
    };
    // The first batch of spans takes a moment.
    redis::eventually("every metric is there", async || missing().await.is_empty()).await;
    let scrape = process.scrape().await;
    let of_table = |name: &str| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        names().iter().any(|known| known == name || Some(known.as_str()) == base)
    };
    let others: Vec<_> = scrape.series.iter().map(|it| &it.name).filter(|name| !of_table(name)).collect();
    assert!(others.is_empty(), "not in the table: {others:?}");
    assert_eq!(scrape.get("groundwork_redis_up", &[]), Some(1.0));
    let used = scrape.get("groundwork_db_connections_max", &[("pool", "primary")]);
    assert_eq!(used, Some(15.0), "DB_POOL_SIZE and DB_MAX_OVERFLOW");
}
