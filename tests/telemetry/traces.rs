//! What a collector gets to see, and that its absence costs nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::client::PASSWORD;
use crate::support::redis::{RedisServer, eventually};
use crate::support::{Backend, TestDatabase};
use crate::telemetry::collector::{Collector, Span};
use crate::telemetry::process::Process;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// The kinds of OTLP.
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"))
}

#[ignore = "needs Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_a_request_continue_the_trace_of_the_caller() {
    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    let database = TestDatabase::create(Backend::Postgres).await;
    let redis = redis.url();
    let extra = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_SERVICE_NAME", "accounts"),
        ("REDIS_URL", redis.as_str()),
    ];
    let process = Process::start_on(database, &extra).await;
    process.user("ada@example.com").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let login = process.call("POST", "/api/v1/auth/login").header("traceparent", &parent("01")).json(body);
    let answer = login.send().await.expect(200);
    // What is left is sent at the end.
    let (status, _) = process.stop().await;
    assert!(status.success());

    let spans: Vec<_> = collector.spans().into_iter().filter(|span| span.trace == TRACE).collect();
    let request = named(&spans, "POST /api/v1/auth/login");
    assert_eq!((request.parent.as_str(), request.kind), (CALLER, SERVER));
    assert_eq!(request.service, "accounts");
    assert_eq!(request.attributes["http.route"], "/api/v1/auth/login");
    assert_eq!(request.attributes["http.request.method"], "POST");
    assert_eq!(request.attributes["http.response.status_code"], "200");
    assert_eq!(answer.header("traceparent"), format!("00-{TRACE}-{}-01", request.id));
    for (name, kind, of) in [
        ("redis", CLIENT, request),
        ("users::find_by_email", CLIENT, request),
        ("hash a password", 1, request),
        ("transaction", CLIENT, request),
        ("users::lock_for_login", CLIENT, named(&spans, "transaction")),
        ("sessions::insert", CLIENT, named(&spans, "transaction")),
    ] {
        let span = named(&spans, name);
        assert_eq!((&span.parent, span.kind), (&of.id, kind), "{span:?}");
    }
    assert_eq!(named(&spans, "transaction").attributes["db.system.name"], "postgresql");
    assert_eq!(named(&spans, "redis").attributes["db.system.name"], "redis");
    let all = format!("{:?}", collector.spans());
    assert!(!all.contains("ada@example.com") && !all.contains(PASSWORD), "nothing personal: {all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_valid_context_begins_a_trace_and_background_work_begins_none() {
    let collector = Collector::start().await;
    let process = Process::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]).await;
    let forged = format!("00-{TRACE}-{CALLER}");
    let mut seen = vec![];
    for value in
        [None, Some(forged.as_str()), Some("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    {
        let call = process.call("GET", "/");
        let call = if let Some(value) = value { call.header("traceparent", value) } else { call };
        let answer = call.send().await.expect(200);
        seen.push(answer.header("traceparent").split('-').nth(1).unwrap().to_owned());
    }
    // Two that contradict each other are none.
    let call =
        process.call("GET", "/").header("traceparent", &parent("01")).header("traceparent", &parent("01"));
    call.send().await.expect(200);
    process.stop().await;
    let spans = collector.spans();
    let roots: Vec<_> = spans.iter().filter(|span| span.parent.is_empty()).collect();
    assert!(roots.len() == 4 && roots.iter().all(|span| span.name == "GET /"), "{spans:?}");
    assert!(seen.iter().all(|trace| roots.iter().any(|root| root.trace == *trace)), "{seen:?}");
    assert!(spans.iter().all(|span| span.trace != TRACE));
    assert_eq!(roots[0].service, "Groundwork", "APP_NAME");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_sampling_decision_wins_over_the_ratio() {
    let collector = Collector::start().await;
    let settings =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("OTEL_TRACES_SAMPLER_ARG", "0")];
    let process = Process::start(&settings).await;
    for _ in 0..20 {
        let answer = process.call("GET", "/").send().await.expect(200);
        assert!(answer.header("traceparent").ends_with("-00"));
    }
    let unsampled = process.call("GET", "/").header("traceparent", &parent("00")).send().await.expect(200);
    assert!(unsampled.header("traceparent").starts_with(&format!("00-{TRACE}-")));
    assert!(unsampled.header("traceparent").ends_with("-00"));
    process.call("GET", "/").header("traceparent", &parent("01")).send().await.expect(200);
    process.stop().await;
    let spans = collector.spans();
    let requests: Vec<_> = spans.iter().filter(|span| span.kind == SERVER).collect();
    assert!(requests.len() == 1 && requests[0].trace == TRACE, "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_5xx_is_an_error_span_and_a_4xx_is_not() {
    let collector = Collector::start().await;
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("LOG_LEVEL", "off")];
    let process = Process::start_on(TestDatabase::create(Backend::Sqlite).await, &[settings[0]]).await;
    let (_, access) = process.user("ada@example.com").await;
    process.call("GET", "/api/v1/users").bearer(&access).send().await.expect_error(403, "forbidden");
    process.database.sql("DROP TABLE sessions").await;
    process.call("GET", "/api/v1/users/me").bearer(&access).send().await.expect(500);
    process.stop().await;
    let spans = collector.spans();
    assert_eq!(named(&spans, "GET /api/v1/users").status, 0);
    assert_eq!(named(&spans, "GET /api/v1/users/me").status, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_collector_fails_no_request_and_is_logged_once() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("RATE_LIMIT_PER_MINUTE", "1000000")];
    let process = Process::start(&settings).await;
    let said = || {
        process
            .lines()
            .iter()
            .filter(|line| line["message"].as_str().is_some_and(|m| m.contains("takes no traces")))
            .count()
    };
    let failed = async || {
        process.scrape().await.get("groundwork_trace_exports_total", &[("result", "failed")]) >= Some(2.0)
    };
    eventually("two batches have failed", async || {
        process.call("GET", "/").send().await.expect(200);
        failed().await
    })
    .await;
    assert_eq!(said(), 1);
    assert!(process.stop().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_delays_neither_requests_nor_shutdown() {
    // Accepts connections, by its backlog, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("RATE_LIMIT_ENABLED", "false")];
    let process = Process::start(&settings).await;
    let mut slowest = Duration::ZERO;
    // More spans than the queue holds.
    let client = reqwest::Client::new();
    for _ in 0..6_000 {
        let start = Instant::now();
        assert_eq!(client.get(&process.url).send().await.unwrap().status(), 200);
        slowest = slowest.max(start.elapsed());
    }
    // Less than a collector is waited for.
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    let start = Instant::now();
    assert!(process.stop().await.0.success());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}
