//! The dashboard and the alerts in `deploy/` ask for metrics that there are.

use std::collections::BTreeSet;
use std::path::Path;

use groundwork::telemetry::metrics;
use serde_json::Value;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The expressions anywhere in a document.
fn expressions(document: &Value) -> Vec<&str> {
    match document {
        Value::Array(items) => items.iter().flat_map(expressions).collect(),
        Value::Object(fields) => {
            let own = fields.iter().filter(|(name, _)| ["expr", "query"].contains(&name.as_str()));
            let own = own.filter_map(|(_, value)| value.as_str());
            own.chain(fields.values().flat_map(expressions)).collect()
        }
        _ => Vec::new(),
    }
}

/// The metrics that are asked for, without what Prometheus appends to the name of a histogram.
fn metrics_in(expressions: &[&str]) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expressions.iter().flat_map(|text| text.split(|c| !is_part(c)));
    let names = words.filter(|word| word.starts_with("groundwork_"));
    names
        .map(|name| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            base.unwrap_or(name).to_owned()
        })
        .collect()
}

/// The names of all metrics, as they are exported.
fn known() -> Vec<String> {
    metrics().iter().map(|(name, ..)| format!("groundwork_{name}")).collect()
}

#[track_caller]
fn every_metric_in_deploy_is_documented(names: &BTreeSet<String>) {
    assert!(names.len() > 5, "{names:?}");
    let known = known();
    let unknown: Vec<_> = names.iter().filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "there is no {unknown:?}");
}

#[test]
fn the_dashboard_uses_existing_metrics_and_most_of_them() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/dashboard.json")).unwrap();
    let names = metrics_in(&expressions(&dashboard));
    every_metric_in_deploy_is_documented(&names);
    let unshown: Vec<_> = known().into_iter().filter(|it| !names.contains(it)).collect();
    assert!(unshown.is_empty(), "nobody would see {unshown:?}");
}

#[test]
fn the_alerts_use_existing_metrics_and_name_their_runbook() {
    let file: Value = serde_saphyr::from_str(&read("deploy/prometheus/alerts.yaml")).unwrap();
    every_metric_in_deploy_is_documented(&metrics_in(&expressions(&file)));
    let operations = read("docs/operations.md");
    let groups = file["groups"].as_array().unwrap();
    let alerts: Vec<_> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(alerts.len() >= 8, "{alerts:?}");
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        let kebab: String = name
            .char_indices()
            .flat_map(|(place, c)| {
                let dash = (place > 0 && c.is_uppercase()).then_some('-');
                dash.into_iter().chain(c.to_lowercase())
            })
            .collect();
        let annotations = &alert["annotations"];
        let runbook = annotations["runbook"].as_str().unwrap_or_default();
        assert_eq!(runbook, format!("docs/operations.md#alert-{kebab}"), "{name}");
        let title = format!("### Alert: {}", kebab.replace('-', " "));
        assert!(operations.lines().any(|line| line.eq_ignore_ascii_case(&title)), "{title} is missing");
        assert!(annotations["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        assert!(["page", "ticket"].contains(&alert["labels"]["severity"].as_str().unwrap()), "{name}");
    }
}
