//! What Prometheus reads of a running service.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

use groundwork::core::telemetry::metrics::TABLE;
use serde_json::json;

use support::Call;
use support::client::PASSWORD;
use support::process::Process;
use support::redis::{RedisServer, eventually, free_port};

/// A service that measures, and how it is read.
struct Measured {
    process: Process,
    redis: RedisServer,
    port: u16,
}

impl Measured {
    async fn start(extra: &[(&str, &str)]) -> Self {
        let (redis, port) = (RedisServer::start().await, free_port());
        let (url, number) = (redis.url(), port.to_string());
        let settings = [&[("REDIS_URL", url.as_str()), ("METRICS_PORT", &number)], extra].concat();
        Self { process: Process::start(&settings).await, redis, port }
    }

    async fn read(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://127.0.0.1:{}{path}", self.port)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn text(&self) -> String {
        let (status, text) = self.read("/metrics").await;
        assert_eq!(status, 200);
        text
    }

    /// The value of the line that begins with a name and has all of these labels.
    async fn value(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let text = self.text().await;
        let is_it = |line: &&str| {
            line.split(['{', ' ']).next() == Some(name) && labels.iter().all(|label| line.contains(label))
        };
        text.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
    }

    fn call(&self, method: &str, path: &str) -> Call {
        self.process.call(method, path)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_counted_by_route_and_never_by_path() {
    let measured =
        Measured::start(&[("AUTH_RATE_LIMIT_PER_MINUTE", "2"), ("MAX_CONNECTIONS_PER_IP", "20")]).await;
    let account = json!({ "email": "ada@example.com", "password": PASSWORD });
    let _ = measured.call("POST", "/api/v1/auth/register").json(account.clone()).send().await.expect(201);
    let tokens =
        measured.call("POST", "/api/v1/auth/login").json(account.clone()).send().await.expect(200).json();
    let _ = measured.call("POST", "/api/v1/auth/login").json(account.clone()).send().await.expect(200);
    let _ = measured.call("POST", "/api/v1/auth/login").json(account).send().await.expect(429);
    let access = tokens["access_token"].as_str().unwrap();
    for id in 1..=30 {
        let _ = measured.call("GET", &format!("/api/v1/users/{id}")).bearer(access).send().await.expect(403);
        let _ = measured.call("GET", &format!("/nowhere/{id}")).send().await.expect(404);
    }
    let _ = measured.call("POST", "/api/v1/auth/logout").bearer(access).send().await.expect(204);

    let requests = "groundwork_http_requests_total";
    let by_id = [r#"route="/api/v1/users/{id}""#, r#"method="GET""#, r#"status="403""#];
    assert_eq!(measured.value(requests, &by_id).await, Some(30.0));
    assert_eq!(measured.value(requests, &[r#"route="-""#, r#"status="404""#]).await, Some(30.0));
    let logins = [r#"route="/api/v1/auth/login""#];
    assert_eq!(measured.value("groundwork_http_request_duration_seconds_count", &logins).await, Some(3.0));
    let refused = [r#"limit="credentials""#, r#"decision="refused""#];
    assert_eq!(measured.value("groundwork_rate_limit_decisions_total", &refused).await, Some(1.0));
    let account = [r#"limit="account""#, r#"decision="allowed""#];
    assert_eq!(measured.value("groundwork_rate_limit_decisions_total", &account).await, Some(2.0));
    let ended = [r#"reason="logout""#];
    assert_eq!(measured.value("groundwork_sessions_revoked_total", &ended).await, Some(1.0));
    let hashed = [r#"phase="work""#];
    assert_eq!(measured.value("groundwork_password_hash_seconds_count", &hashed).await, Some(3.0));
    assert!(measured.value("groundwork_db_wait_seconds_count", &[]).await > Some(30.0));
    let text = measured.text().await;
    assert!(!text.contains("nowhere") && !text.contains("ada@example.com"), "{text}");
    let version = concat!(r#"version=""#, env!("CARGO_PKG_VERSION"), '"');
    assert_eq!(measured.value("groundwork_build_info", &[version]).await, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_that_goes_away_and_comes_back_shows() {
    let mut measured = Measured::start(&[]).await;
    assert_eq!(measured.value("groundwork_redis_up", &[]).await, Some(1.0));
    measured.redis.kill();
    eventually("it shows", async || {
        let _ = measured.call("GET", "/").send().await.expect(200);
        measured.value("groundwork_redis_up", &[]).await == Some(0.0)
    })
    .await;
    measured.redis.restart().await;
    eventually("it shows", async || measured.value("groundwork_redis_up", &[]).await == Some(1.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_is_exported_is_described_in_the_table() {
    let measured = Measured::start(&[]).await;
    let _ = measured.call("GET", "/").send().await.expect(200);
    let text = measured.text().await;
    let described = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next());
    let described: Vec<_> = described.collect();
    assert!(described.len() > 3, "{text}");
    for name in described {
        assert!(TABLE.iter().any(|metric| metric.name == name), "{name} is not in the table");
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not described");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_else_on_that_listener_and_no_metrics_for_clients() {
    let measured = Measured::start(&[]).await;
    for path in ["/", "/docs", "/api/v1/health", "/metrics/"] {
        assert_eq!(measured.read(path).await.0, 404, "{path}");
    }
    let _ = measured.call("GET", "/metrics").send().await.expect(404);
    let unmeasured = Process::start(&[]).await;
    assert!(!unmeasured.log().contains("metrics at"));
}

#[test]
fn alerts_ask_for_metrics_that_there_are_and_say_where_to_read_on() {
    let root = env!("CARGO_MANIFEST_DIR");
    let read = |file: &str| std::fs::read_to_string(format!("{root}/{file}")).unwrap();
    let (alerts, operations) = (read("deploy/prometheus/alerts.yaml"), read("docs/operations.md"));
    let text: String = alerts.lines().filter(|line| !line.trim_start().starts_with("runbook:")).collect();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let asked: Vec<_> = words.filter(|word| word.starts_with("groundwork_")).collect();
    assert!(asked.len() > 7, "{asked:?}");
    for name in asked {
        let known = TABLE.iter().any(|metric| name.strip_suffix("_bucket").unwrap_or(name) == metric.name);
        assert!(known, "{name} is not measured");
    }
    let anchor =
        |line: &str| line.trim_start_matches(['#', ' ']).to_lowercase().replace(": ", "-").replace(' ', "-");
    let anchors: Vec<_> = operations.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    let runbooks: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook: ")).collect();
    assert_eq!(runbooks.len(), alerts.matches("- alert:").count());
    for runbook in runbooks {
        let wanted = runbook.strip_prefix("docs/operations.md#").unwrap();
        assert!(anchors.iter().any(|anchor| anchor == wanted), "{runbook} leads nowhere");
    }
}
