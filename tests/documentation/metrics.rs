//! The page of metrics is what the service describes to Prometheus. `UPDATE_GENERATED=1` writes it.

use std::{env, fs};

use groundwork::telemetry::{METRICS_PREFIX, metrics};

use super::page::root;

const PAGE: &str = "docs/reference/metrics.md";

fn page() -> String {
    let mut rows: Vec<_> = metrics()
        .into_iter()
        .map(|(name, help, buckets)| {
            let kind = match name {
                _ if !buckets.is_empty() => "histogram",
                _ if name.ends_with("_total") => "counter",
                _ => "gauge",
            };
            format!("| `{METRICS_PREFIX}_{name}` | {kind} | {help} |\n")
        })
        .collect();
    rows.sort();
    format!(
        "# Metrics\n\nWith `METRICS_PORT`, the service serves these metrics to Prometheus. Alerts and their \
         runbooks are in\n[Operations](../operations.md#alerts); `deploy/prometheus` and `deploy/grafana` have the \
         rules and a\ndashboard. Times are in seconds. This page is generated from the code.\n\n\
         | Metric | Type | What it counts |\n|---|---|---|\n{}",
        rows.concat()
    )
}

#[test]
fn every_metric_is_on_the_page_of_metrics() {
    let path = root().join(PAGE);
    if env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "{PAGE} is not what the code says; run: UPDATE_GENERATED=1 cargo test --test integration -- \
         documentation::metrics"
    );
}
