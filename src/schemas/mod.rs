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

/// Makes a schema of a list of names, with an example that is valid: that of a list of texts is not.
/// `name_list!(EventNames(WebhookEvents): [EventType::UserCreated])`.
macro_rules! name_list {
    ($name:ident($list:ty): [$($example:expr),+]) => {
        #[derive(Debug, poem_openapi::NewType, serde::Serialize)]
        #[oai(example, from_parameter = false, from_multipart = false, to_header = false)]
        pub struct $name($list);

        impl poem_openapi::types::Example for $name {
            fn example() -> Self {
                let names = vec![$($example.as_str().to_owned()),+];
                Self(names.try_into().unwrap_or_else(|_| <$list>::example()))
            }
        }

        impl From<$list> for $name {
            fn from(names: $list) -> Self {
                Self(names)
            }
        }

        impl From<$name> for $list {
            fn from($name(names): $name) -> Self {
                names
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
