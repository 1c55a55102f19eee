//! The request and response schemas of the document. Only `api` uses them.

/// Gives a schema its example in the document: `example!(Health { status, version })`.
macro_rules! example {
    ($schema:ident $fields:tt) => {
        impl poem_openapi::types::Example for $schema {
            fn example() -> Self {
                $schema $fields
            }
        }
    };
}

pub mod api_keys;
pub mod audit_events;
pub mod auth;
pub mod common;
pub mod health;
pub mod jobs;
pub mod jwks;
pub mod links;
pub mod sessions;
pub mod users;
mod values;
pub mod webhooks;
