//! What holds for every operation of a kind: where new resources are, conditions, keys of requests,
//! compression.

mod compression;
mod conditions;
mod idempotency;
mod location;

use serde_json::Value;

use crate::api::operations::{OPERATIONS, Operation, Target};
use crate::support::contract::contract;

/// What the document says of an operation.
fn described(operation: &Operation) -> &'static Value {
    &contract().document["paths"][operation.template][operation.method.to_lowercase()]
}

/// The operations that take this header.
fn taking(header: &'static str) -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(move |operation| {
        let parameters = described(operation)["parameters"].as_array().into_iter().flatten();
        parameters.into_iter().any(|parameter| parameter["name"] == header)
    })
}

/// The path of the resource that an operation changes, or of one that it is below.
fn resource_path(operation: &Operation, target: &Target) -> String {
    let end = operation.template.find("{id}").map_or(operation.template.len(), |start| start + 4);
    operation.template[..end].replace("{id}", &target.id.to_string())
}
