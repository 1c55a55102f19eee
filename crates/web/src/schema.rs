//! Schemas of an app's own value types, of nullable fields and of fields of a PATCH.
//!
//! The extractors validate bodies and parameters against the document before these types parse
//! them, so a parse error here is only the last line of defence.

use std::borrow::Cow;
use std::ops::RangeInclusive;

pub use groundwork_values::NOT_BLANK;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
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

/// A nullable property of a merge patch (RFC 7396). `None` keeps the value, `Some(None)` clears it.
#[derive(Clone, Debug)]
pub struct Patch<T>(pub Option<Option<T>>);

impl<T> From<Option<Option<T>>> for Patch<T> {
    fn from(change: Option<Option<T>>) -> Self {
        Self(change)
    }
}

impl<T> From<Patch<T>> for Option<Option<T>> {
    fn from(patch: Patch<T>) -> Self {
        patch.0
    }
}

/// What the macros of this module refer to.
#[doc(hidden)]
pub mod openapi {
    pub use poem_openapi::registry::{MetaSchemaRef, Registry};
    pub use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
    pub use serde_json::Value;
}

/// Implements poem-openapi's traits for a value type. `$json` reads the JSON type of the schema,
/// and returns `None` for others; `$parse` reads a parameter.
#[doc(hidden)]
#[macro_export]
macro_rules! value_schema {
    ($type:ty, $name:literal, $schema:expr, json: $json:expr, parse: $parse:expr, show: $show:expr) => {
        $crate::value_schema!(
            $type, $name,
            schema: oai::MetaSchemaRef::Inline(Box::new($schema)), register: |_: &mut oai::Registry| {},
            json: $json, parse: $parse, show: $show
        );
    };
    (
        $type:ty, $name:literal, schema: $schema:expr, register: $register:expr,
        json: $json:expr, parse: $parse:expr, show: $show:expr
    ) => {
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
                    $schema
                }

                fn register(registry: &mut oai::Registry) {
                    $register(registry);
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

/// Makes a type a string of the document.
///
/// - `text_schema!(Email, "email", schema, parse: Email::parse, show: Email::to_string)`;
/// - `text_schema!(OrderNumber, "order_number", example: "2026-0042")` for a type with
///   `LENGTH: RangeInclusive<usize>` in characters, `parse` and `as_str`. A text that must have a
///   character must not be blank.
#[macro_export]
macro_rules! text_schema {
    ($type:ty, $name:literal, $schema:expr, parse: $parse:expr, show: $show:expr) => {
        $crate::value_schema!($type, $name, $schema,
            json: |value: &oai::Value| value.as_str().map($parse), parse: $parse, show: $show);
    };
    ($type:ident, $name:literal, example: $example:expr) => {
        $crate::text_schema!($type, $name, $crate::schema::text($type::LENGTH, $example),
            parse: $type::parse, show: |value: &$type| value.as_str().to_owned());
    };
}

/// Makes a newtype of an integer an integer of the document.
///
/// - `integer_schema!(PageSize, "page_size", schema, u16)`;
/// - `integer_schema!(Quantity, "quantity", example: 3)` for a type with
///   `RANGE: RangeInclusive<i64>`, `parse` and `AsRef<i64>`.
#[macro_export]
macro_rules! integer_schema {
    ($type:ident, $name:literal, example: $example:expr) => {
        $crate::value_schema!($type, $name, $crate::schema::integer($type::RANGE, $example),
            json: |value: &oai::Value| value.as_i64().map($type::parse),
            parse: |text: &str| {
                text.parse().map_err(|_| "must be an integer".to_owned())
                    .and_then(|number| $type::parse(number).map_err(|error| error.to_string()))
            },
            show: |value: &$type| *AsRef::<i64>::as_ref(value));
    };
    ($type:ident, $name:literal, $schema:expr, $inner:ty) => {
        $crate::value_schema!($type, $name, $schema,
            json: |value: &oai::Value| value.as_i64().map(|number| <$inner>::try_from(number).map($type)),
            parse: |text: &str| text.parse().map($type), show: |value: &$type| value.0);
    };
}

/// Makes a newtype of an `i64` that the database assigns an integer of the document, with the
/// description of parameters of this type: `id_schema!(UserId, "user_id", "The user's ID.")`.
#[macro_export]
macro_rules! id_schema {
    ($type:ident, $name:literal, $description:literal) => {
        $crate::integer_schema!($type, $name, $crate::schema::id($description), i64);
    };
}

/// Makes an enumeration with `ALL`, `parse` and `as_str` a schema of the document under its own
/// name: `enum_schema!(OrderState, "OrderState", "The state of an order.")`.
#[macro_export]
macro_rules! enum_schema {
    ($type:ident, $name:literal, $description:literal) => {
        $crate::value_schema!(
            $type, $name,
            schema: oai::MetaSchemaRef::Reference($name.to_owned()),
            register: |registry: &mut oai::Registry| {
                let names = $type::ALL.map($type::as_str);
                registry.create_schema::<$type, _>($name.to_owned(), |_| {
                    $crate::schema::one_of(&names, $description)
                });
            },
            json: |value: &oai::Value| value.as_str().map($type::parse),
            parse: $type::parse, show: |value: &$type| value.as_str());
    };
}

/// The schema of a text with this many characters.
pub fn text(length: RangeInclusive<usize>, example: &str) -> MetaSchema {
    let (min, max) = length.into_inner();
    MetaSchema {
        // The pattern implies one character.
        min_length: (min > 1).then_some(min),
        max_length: Some(max),
        pattern: (min > 0).then(|| NOT_BLANK.to_owned()),
        example: Some(example.into()),
        ..MetaSchema::new("string")
    }
}

/// The schema of an integer in this range.
pub fn integer(range: RangeInclusive<i64>, example: i64) -> MetaSchema {
    let (min, max) = range.into_inner();
    // Exact up to 2^53, which is as far as JSON numbers of JavaScript go.
    #[allow(clippy::cast_precision_loss, reason = "poem-openapi has limits as floats")]
    let limit = |limit: i64| Some(limit as f64);
    MetaSchema {
        minimum: limit(min),
        maximum: limit(max),
        example: Some(example.into()),
        ..MetaSchema::new_with_format("integer", "int64")
    }
}

/// The schema of an ID that the database assigns.
pub fn id(description: &'static str) -> MetaSchema {
    let schema = MetaSchema::new_with_format("integer", "int64");
    let description = Some(description);
    MetaSchema { description, minimum: Some(1.0), example: Some(1.into()), ..schema }
}

/// The schema of an enumeration.
pub fn one_of(names: &[&'static str], description: &'static str) -> MetaSchema {
    let enum_items: Vec<Value> = names.iter().copied().map(Value::from).collect();
    // A body with this schema in it has an example that is composed of its fields' examples.
    let example = enum_items.first().cloned();
    MetaSchema { description: Some(description), enum_items, example, ..MetaSchema::new("string") }
}

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

impl<T: Type> Type for Patch<T> {
    const IS_REQUIRED: bool = false;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;

    fn name() -> Cow<'static, str> {
        format!("patch_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        Nullable::<T>::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        self.0.as_ref()?.as_ref().and_then(T::as_raw_value)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        let value = self.0.as_ref().and_then(Option::as_ref);
        value.map_or_else(|| Box::new(std::iter::empty()) as Box<_>, T::raw_element_iter)
    }
}

/// Of a property, a missing one is `None` and a null one is `Some(Value::Null)`.
impl<T: ParseFromJSON> ParseFromJSON for Patch<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let Some(value) = value else { return Ok(Self(None)) };
        let change = Option::parse_from_json(Some(value)).map_err(ParseError::propagate)?;
        Ok(Self(Some(change)))
    }
}

impl<T: ToJSON> ToJSON for Patch<T> {
    fn to_json(&self) -> Option<Value> {
        self.0.as_ref().map(|change| change.as_ref().and_then(T::to_json).unwrap_or_default())
    }
}
