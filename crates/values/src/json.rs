//! Objects of JSON.

use serde_json::{Map, Value};

use crate::Invalid;

/// An object of JSON whose names are the client's, of at most [`Json::MAX_BYTES`].
///
/// `JSONB` in PostgreSQL, text in SQLite. PostgreSQL does not keep the order of the names.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Map<String, Value>")]
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = crate::sql::Jsonb))]
pub struct Json(pub(crate) Map<String, Value>);

impl Json {
    /// The most bytes that an object has as text without white space, so that a page of rows stays
    /// small.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// The object that documents show.
    pub fn example() -> Self {
        Self(Map::from_iter([("key".to_owned(), "value".into())]))
    }
}

impl TryFrom<Map<String, Value>> for Json {
    type Error = Invalid;

    fn try_from(object: Map<String, Value>) -> Result<Self, Invalid> {
        let is_small = serde_json::to_vec(&object).is_ok_and(|text| text.len() <= Self::MAX_BYTES);
        if is_small { Ok(Self(object)) } else { Err(Invalid("must be at most 16,384 bytes of JSON")) }
    }
}

impl AsRef<Map<String, Value>> for Json {
    fn as_ref(&self) -> &Map<String, Value> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_bounded() {
        let of_size = |bytes: usize| json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())});
        assert!(serde_json::from_value::<Json>(of_size(Json::MAX_BYTES)).is_ok());
        let refused = serde_json::from_value::<Json>(of_size(Json::MAX_BYTES + 1)).unwrap_err();
        assert_eq!(refused.to_string(), "must be at most 16,384 bytes of JSON");
        assert!(serde_json::from_value::<Json>(json!([1])).is_err());
    }
}
