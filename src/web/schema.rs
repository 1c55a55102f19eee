//! Schemas of an app's own value types, of nullable fields and of fields of a PATCH.
//!
//! The extractors validate bodies and parameters against the document before these types parse them,
//! so a parse error here is only the last line of defence.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::Value;

/// A field that is always present and may be null.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

/// A field of a PATCH (RFC 7396): absent leaves the value as it is, null clears it.
#[derive(Clone, Debug)]
pub enum Patch<T> {
    /// The field was absent.
    Keep,
    /// The field was null.
    Clear,
    /// The field had a value.
    Set(T),
}

impl<T> From<Patch<T>> for Option<Option<T>> {
    fn from(patch: Patch<T>) -> Self {
        match patch {
            Patch::Keep => None,
            Patch::Clear => Some(None),
            Patch::Set(value) => Some(Some(value)),
        }
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
    pub use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
    pub use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
    pub use serde_json::Value;
}

/// Implements poem-openapi's `Type` for a value type with an inline schema.
#[macro_export]
macro_rules! value_schema {
    ($type:ty, $name:literal, $schema:expr) => {
        impl $crate::web::schema::openapi::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> $crate::web::schema::openapi::MetaSchemaRef {
                $crate::web::schema::openapi::MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }
    };
}

/// Makes a type a string of the document: `text_schema!(Email, "email", schema, parse: Email::parse, show: Email::to_string)`.
#[macro_export]
macro_rules! text_schema {
    ($type:ty, $name:literal, $schema:expr, parse: $parse:expr, show: $show:expr) => {
        $crate::value_schema!($type, $name, $schema);

        impl $crate::web::schema::openapi::ParseFromJSON for $type {
            fn parse_from_json(
                value: Option<$crate::web::schema::openapi::Value>,
            ) -> $crate::web::schema::openapi::ParseResult<Self> {
                match value {
                    Some($crate::web::schema::openapi::Value::String(text)) => {
                        <Self as $crate::web::schema::openapi::ParseFromParameter>::parse_from_parameter(
                            &text,
                        )
                    }
                    other => Err($crate::web::schema::openapi::ParseError::expected_type(
                        other.unwrap_or_default(),
                    )),
                }
            }
        }

        impl $crate::web::schema::openapi::ParseFromParameter for $type {
            fn parse_from_parameter(text: &str) -> $crate::web::schema::openapi::ParseResult<Self> {
                $parse(text).map_err($crate::web::schema::openapi::ParseError::custom)
            }
        }

        impl $crate::web::schema::openapi::ToJSON for $type {
            fn to_json(&self) -> Option<$crate::web::schema::openapi::Value> {
                Some($crate::web::schema::openapi::Value::String($show(self)))
            }
        }
    };
}

/// Makes a newtype of an integer an integer of the document, in one spelling: `+1` and `01` are refused.
#[macro_export]
macro_rules! integer_schema {
    ($type:ident, $name:literal, $schema:expr, $inner:ty) => {
        $crate::value_schema!($type, $name, $schema);

        impl $crate::web::schema::openapi::ParseFromJSON for $type {
            fn parse_from_json(
                value: Option<$crate::web::schema::openapi::Value>,
            ) -> $crate::web::schema::openapi::ParseResult<Self> {
                Ok(Self(
                    <$inner as $crate::web::schema::openapi::ParseFromJSON>::parse_from_json(value)
                        .map_err($crate::web::schema::openapi::ParseError::propagate)?,
                ))
            }
        }

        impl $crate::web::schema::openapi::ParseFromParameter for $type {
            fn parse_from_parameter(text: &str) -> $crate::web::schema::openapi::ParseResult<Self> {
                let number = text.parse::<$inner>().ok().filter(|number| number.to_string() == text);
                number
                    .map($type)
                    .ok_or_else(|| $crate::web::schema::openapi::ParseError::custom("must be an integer"))
            }
        }

        impl $crate::web::schema::openapi::ToJSON for $type {
            fn to_json(&self) -> Option<$crate::web::schema::openapi::Value> {
                Some(self.0.into())
            }
        }
    };
}

/// A value that may be null in JSON, which poem-openapi's `Option` and `MaybeUndefined` do not state in the document.
macro_rules! nullable_type {
    ($type:ident, required: $required:literal, |$this:ident| $inner:expr) => {
        impl<T: Type> Type for $type<T> {
            const IS_REQUIRED: bool = $required;
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
                let $this = self;
                $inner.and_then(T::as_raw_value)
            }

            fn raw_element_iter<'a>(
                &'a self,
            ) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
                let $this = self;
                $inner.map_or_else(|| Box::new(std::iter::empty()) as Box<_>, T::raw_element_iter)
            }
        }
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

nullable_type!(Nullable, required: true, |this| this.0.as_ref());
nullable_type!(Patch, required: false, |this| if let Self::Set(value) = this { Some(value) } else { None });

impl<T: ParseFromJSON> ParseFromJSON for Patch<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            None => Ok(Self::Keep),
            Some(Value::Null) => Ok(Self::Clear),
            value => T::parse_from_json(value).map(Self::Set).map_err(ParseError::propagate),
        }
    }
}

impl<T: ToJSON> ToJSON for Patch<T> {
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(Value::Null),
            Self::Set(value) => value.to_json(),
        }
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Nullable<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            None | Some(Value::Null) => Ok(Self(None)),
            value => Ok(Self(Some(T::parse_from_json(value).map_err(ParseError::propagate)?))),
        }
    }
}

impl<T: ToJSON> ToJSON for Nullable<T> {
    fn to_json(&self) -> Option<Value> {
        self.0.as_ref().map_or(Some(Value::Null), T::to_json)
    }
}
