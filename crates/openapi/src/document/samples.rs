//! Code samples of operations, which Redoc and other readers show.

use serde_json::{Map, Value};

use super::operation;

/// Extension with the samples of an operation.
const EXTENSION: &str = "x-codeSamples";

/// The address of the service in samples.
const SERVER: &str = "http://localhost:8000";

/// Adds its samples to each operation that has some.
///
/// `samples` is JSON: `[{lang, label, source}]` by operation id.
pub(super) fn attach(document: &mut Value, samples: &str) -> Result<(), serde_json::Error> {
    let mut samples: Map<String, Value> = serde_json::from_str(samples)?;
    for (_, _, operation) in
        document.as_object_mut().into_iter().flat_map(|root| operation::all(root, "paths"))
    {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        if let Some(samples) = samples.remove(id) {
            operation.insert(EXTENSION.to_owned(), samples);
        }
    }
    Ok(())
}

/// The text with samples that call operations below `prefix` instead of `published_prefix`.
pub(super) fn moved(text: String, published_prefix: &str, prefix: &str) -> String {
    if published_prefix == prefix {
        return text;
    }
    text.replace(&format!("{SERVER}{published_prefix}/"), &format!("{SERVER}{prefix}/"))
}
