use serde::{Deserialize, Serialize};

/// A value that a change may clear. In an `Option`, `None` is absent: the stored value stays as it
/// is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Nullable<T> {
    /// The new value.
    Value(T),
    /// Cleared: sent as `null`.
    Null,
}

impl From<&str> for Nullable<String> {
    fn from(value: &str) -> Self {
        Self::Value(value.to_owned())
    }
}

impl<T> From<T> for Nullable<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}
