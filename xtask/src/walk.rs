//! The operations of a document.

use serde_json::{Map, Value};

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Whether this is the name of a webhook, and no path.
pub(crate) fn is_webhook(path: &str) -> bool {
    !path.starts_with('/')
}

/// Every operation with its path and method, in the order of the document.
pub(crate) fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Map<String, Value>)> {
    let items =
        ["paths", "webhooks"].iter().filter_map(|surface| document.get(surface)?.as_object()).flatten();
    items.flat_map(|(path, item)| {
        let members = item.as_object().into_iter().flatten();
        members.filter(|(method, _)| METHODS.contains(&method.as_str())).filter_map(
            move |(method, operation)| Some((path.as_str(), method.as_str(), operation.as_object()?)),
        )
    })
}
