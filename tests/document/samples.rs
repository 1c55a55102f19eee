//! Every operation has code samples for curl and every client.

use std::fs;
use std::path::Path;

use serde_json::Value;
use xtask::clients::Language;
use xtask::samples;

use crate::document::reading::{items, newest, older, operations};

/// The operations that lack a sample, each with the label of the sample.
fn lacking(document: &Value) -> Vec<String> {
    let clients = samples::languages(Path::new(".")).map(Language::title);
    let labels: Vec<_> = ["curl"].into_iter().chain(clients).collect();
    let lacks = |operation: &Value, label: &str| {
        let mut samples = items(&operation["x-codeSamples"]);
        !samples.any(|sample| sample["label"] == label && sample["source"].is_string())
    };
    let all = operations(document).into_iter();
    all.flat_map(|operation| {
        let lacking = labels.iter().filter(move |label| lacks(operation.value, label));
        lacking.map(move |label| format!("{} lacks {label}", operation.id)).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn every_operation_has_a_sample_in_every_language() {
    for mut document in [newest(), older()] {
        let advice = "run `cargo xtask openapi samples` and commit openapi/";
        assert_eq!(lacking(&document), Vec::<String>::new(), "{advice}");
        document["paths"]["/api/v1/users"]["get"]["x-codeSamples"][0]["label"] = "wget".into();
        assert_eq!(lacking(&document), ["users_list lacks curl"]);
    }
}

#[test]
fn the_samples_are_those_of_the_document() {
    let made = samples::generate(Path::new("."), &newest()).unwrap();
    assert_eq!(made.missing, Vec::<String>::new());
    let found = fs::read_to_string(samples::FILE).unwrap();
    assert!(
        found == made.text(),
        "{} is stale; run `cargo xtask openapi samples` and commit openapi/",
        samples::FILE
    );
}
