//! Code samples of operations.

use serde_json::{Value, json};

use super::{Config, Documents, IMPLIED, catalogue, document, operation};

const SAMPLE: &str = "curl http://localhost:8000/api/v1/things";

fn with_samples(samples: &str, prefix: &str) -> Documents {
    let path_of = |path: &str| format!("{prefix}{path}");
    let config = Config { catalogue: &catalogue(), implied: IMPLIED, path_of: &path_of };
    let spec = document(&operation("things_read"), &json!({})).to_string();
    Documents::with_samples(&spec, &config, samples).unwrap()
}

fn samples() -> Value {
    json!({
        "things_read": [{ "lang": "Shell", "label": "curl", "source": SAMPLE }],
        "things_of_old": [{ "lang": "Shell", "label": "curl", "source": SAMPLE }],
    })
}

#[test]
fn an_operation_has_its_samples_in_both_documents() {
    let documents = with_samples(&samples().to_string(), "/api/v1");
    for text in [&documents.json, &documents.json_3_0] {
        let document: Value = serde_json::from_str(text).unwrap();
        assert_eq!(document["paths"]["/api/v1/things"]["get"]["x-codeSamples"], samples()["things_read"]);
        assert!(!text.contains("things_of_old"));
    }
    assert!(documents.yaml.contains(SAMPLE));
}

#[test]
fn an_operation_without_samples_has_no_extension() {
    assert!(!with_samples("{}", "/api/v1").json.contains("x-codeSamples"));
}

#[test]
fn samples_follow_the_prefix() {
    let documents = with_samples(&samples().to_string(), "/api/v1").served_under("/api/v1", "/v9");
    for text in [&documents.json, &documents.yaml, &documents.json_3_0] {
        assert!(text.contains("curl http://localhost:8000/v9/things"), "{text}");
        assert!(!text.contains("/api/v1"), "{text}");
    }
}

#[test]
fn samples_that_are_no_json_are_an_error() {
    let spec = document(&operation("things_read"), &json!({})).to_string();
    let config = Config { catalogue: &catalogue(), implied: IMPLIED, path_of: &str::to_owned };
    assert!(Documents::with_samples(&spec, &config, "none").is_err());
}
