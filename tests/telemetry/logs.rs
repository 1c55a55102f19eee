//! The ids on the lines of a request.

use crate::collector::Collector;
use crate::process::Process;
use crate::support::redis::RedisServer;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Every line of a request has both ids; of one, the line about Redis is written inside.
async fn lines_have_both_ids(level: &str, collector: Option<&Collector>) {
    let mut redis = RedisServer::start().await;
    let url = redis.url();
    let mut settings = vec![("REDIS_URL", url.as_str()), ("LOG_LEVEL", level)];
    settings.extend(collector.map(|collector| ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str())));
    // The process says where it listens, whatever else it is to be silent about.
    let process = Process::start(&settings).await;
    redis.kill();
    let call = process.call("GET", "/").header("x-request-id", "r1").header("traceparent", PARENT);
    let _ = call.send().await.expect(200);
    let (_, lines) = process.stop().await;
    let away = lines.iter().find(|line| line["message"].as_str().unwrap().starts_with("Redis is away"));
    let away = &away.unwrap_or_else(|| panic!("{lines:?}"))["span"];
    assert_eq!((&away["request_id"], &away["trace_id"]), (&"r1".into(), &TRACE.into()), "{lines:?}");
    if level == "info" {
        let line = lines.iter().find(|line| line["message"] == "request").unwrap();
        assert_eq!((&line["request_id"], &line["trace_id"]), (&"r1".into(), &TRACE.into()), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_request_name_the_callers_trace_without_a_collector() {
    lines_have_both_ids("info", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_request_name_its_trace_with_a_collector() {
    lines_have_both_ids("info", Some(&Collector::start().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_request_have_its_ids_also_when_only_warnings_are_logged() {
    lines_have_both_ids("warn,groundwork=warn,groundwork::commands=info", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_trace_is_named_too_and_without_a_trace_there_is_no_name() {
    let collector = Collector::start().await;
    let process = Process::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]).await;
    let answer = process.call("GET", "/").send().await.expect(200);
    let trace = answer.header("traceparent").split('-').nth(1).unwrap().to_owned();
    let (_, lines) = process.stop().await;
    let line = lines.iter().find(|line| line["message"] == "request").unwrap();
    assert_eq!(line["trace_id"], trace.as_str());

    let process = Process::start(&[]).await;
    let answer = process.call("GET", "/").header("traceparent", "nonsense").send().await.expect(200);
    assert_eq!(answer.header("traceparent"), "");
    let (_, lines) = process.stop().await;
    let line = lines.iter().find(|line| line["message"] == "request").unwrap();
    assert_eq!(line.get("trace_id"), None, "{line}");
}

/// Layers with filters of their own can make each other miss lines.
#[tokio::test(flavor = "multi_thread")]
async fn no_line_is_missing_while_spans_are_exported() {
    let (collector, redis) = (Collector::start().await, RedisServer::start().await);
    let (endpoint, redis) = (collector.url.as_str(), redis.url());
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("REDIS_URL", redis.as_str())];
    let process = Process::start(&settings).await;
    let (_, access) = process.user("ada@example.com").await;
    for _ in 0..50 {
        let _ = process.call("GET", "/api/v1/users/me").bearer(&access).send().await.expect(200);
    }
    let (_, lines) = process.stop().await;
    assert_eq!(lines.iter().filter(|line| line["message"] == "request").count(), 52);
}
