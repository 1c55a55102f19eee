//! Schemas of an app's own value types, of nullable fields and of fields of a PATCH.
//!
//! The extractors validate bodies and parameters against the document before these types parse
//! them, so a parse error here is only the last line of defence.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{MaybeUndefined, ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::Value;

/// A property that is always present and may be null.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

impl<T> From<Nullable<T>> for Option<T> {
    fn from(value: Nullable<T>) -> Self {
        value.0
    }
}

/// A nullable property of a merge patch (RFC 7396): absent keeps the value, null clears it.
pub type Patch<T> = MaybeUndefined<Nullable<T>>;

/// The change that a property of a merge patch asks for: `None` keeps the value, `Some(None)`
/// clears it.
pub fn change_of<T>(patch: Patch<T>) -> Option<Option<T>> {
    match patch {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(value.0),
    }
}

/// The number of items of a page: 1 to 100, 20 by default.
#[derive(Clone, Copy, Debug)]
pub struct PageSize(pub u16);

impl Default for PageSize {
    fn default() -> Self {
        Self(20)
    }
}

/// The position at which a page begins: the `next_page` of the page before.
#[derive(Clone, Debug)]
pub struct PageToken(pub String);

/// What the macros of this module refer to.
#[doc(hidden)]
pub mod openapi {
    pub use poem_openapi::registry::MetaSchemaRef;
    pub use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
    pub use serde_json::Value;
}

/// Implements poem-openapi's traits for a value type with an inline schema. `$json` reads the JSON
/// type of the schema, and returns `None` for others; `$parse` reads a parameter.
#[doc(hidden)]
#[macro_export]
macro_rules! value_schema {
    ($type:ty, $name:literal, $schema:expr, json: $json:expr, parse: $parse:expr, show: $show:expr) => {
        const _: () = {
            use $crate::schema::openapi as oai;

            impl oai::Type for $type {
                const IS_REQUIRED: bool = true;
                type RawValueType = Self;
                type RawElementValueType = Self;

                fn name() -> std::borrow::Cow<'static, str> {
                    $name.into()
                }

                fn schema_ref() -> oai::MetaSchemaRef {
                    oai::MetaSchemaRef::Inline(Box::new($schema))
                }

                fn as_raw_value(&self) -> Option<&Self> {
                    Some(self)
                }

                fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                    Box::new(std::iter::once(self))
                }
            }

            impl oai::ParseFromJSON for $type {
                fn parse_from_json(value: Option<oai::Value>) -> oai::ParseResult<Self> {
                    let value = value.unwrap_or_default();
                    let parsed =
                        $json(&value).ok_or_else(|| oai::ParseError::expected_type(value.clone()))?;
                    parsed.map_err(oai::ParseError::custom)
                }
            }

            impl oai::ParseFromParameter for $type {
                fn parse_from_parameter(text: &str) -> oai::ParseResult<Self> {
                    $parse(text).map_err(oai::ParseError::custom)
                }
            }

            impl oai::ToJSON for $type {
                fn to_json(&self) -> Option<oai::Value> {
                    Some($show(self).into())
                }
            }
        };
    };
}

/// Makes a type a string of the document:
/// `text_schema!(Email, "email", schema, parse: Email::parse, show: Email::to_string)`.
#[macro_export]
macro_rules! text_schema {
    ($type:ty, $name:literal, $schema:expr, parse: $parse:expr, show: $show:expr) => {
        $crate::value_schema!($type, $name, $schema,
            json: |value: &oai::Value| value.as_str().map($parse), parse: $parse, show: $show);
    };
}

/// Makes a newtype of an integer an integer of the document:
/// `integer_schema!(UserId, "user_id", schema, i64)`.
#[macro_export]
macro_rules! integer_schema {
    ($type:ident, $name:literal, $schema:expr, $inner:ty) => {
        $crate::value_schema!($type, $name, $schema,
            json: |value: &oai::Value| value.as_i64().map(|number| <$inner>::try_from(number).map($type)),
            parse: |text: &str| text.parse().map($type), show: |value: &$type| value.0);
    };
}

text_schema!(PageToken, "page_token",
    MetaSchema { min_length: Some(1), max_length: Some(512), ..MetaSchema::new("string") },
    parse: |text: &str| Ok::<_, String>(PageToken(text.to_owned())),
    show: |token: &PageToken| token.0.clone());

integer_schema!(
    PageSize,
    "page_size",
    MetaSchema {
        minimum: Some(1.0),
        maximum: Some(100.0),
        ..MetaSchema::new_with_format("integer", "int32")
    },
    u16
);

/// poem-openapi's own `Option` is not nullable in the document.
impl<T: Type> Type for Nullable<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;

    fn name() -> Cow<'static, str> {
        format!("nullable_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref().merge(MetaSchema { nullable: true, ..MetaSchema::ANY })
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref().and_then(T::as_raw_value)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        self.0.as_ref().map_or_else(|| Box::new(std::iter::empty()) as Box<_>, T::raw_element_iter)
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Nullable<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Option::parse_from_json(value).map(Self).map_err(ParseError::propagate)
    }
}

impl<T: ToJSON> ToJSON for Nullable<T> {
    fn to_json(&self) -> Option<Value> {
        self.0.as_ref().map_or(Some(Value::Null), T::to_json)
    }
}
