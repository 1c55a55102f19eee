//! The types of columns as schemas of poem-openapi. Each is read and written as serde does.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::{Value, json};

use crate::{Date, Decimal, Json, NOT_BLANK, TextList, Uuid};

macro_rules! schema {
    ([$($parameters:tt)*] $type:ty, $name:literal, $schema:expr) => {
        impl<$($parameters)*> Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new(MetaSchema { example: Some(json!(Self::example())), ..$schema }))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl<$($parameters)*> ParseFromJSON for $type {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                serde_json::from_value(value.unwrap_or_default()).map_err(ParseError::custom)
            }
        }

        impl<$($parameters)*> ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                serde_json::to_value(self).ok()
            }
        }
    };
}

schema!([] Date, "date", MetaSchema::new_with_format("string", "date"));
schema!([] Uuid, "uuid", MetaSchema::new_with_format("string", "uuid"));
schema!([const PRECISION: u32, const SCALE: u32] Decimal<PRECISION, SCALE>, "decimal", MetaSchema {
    pattern: Some(Self::pattern()),
    ..MetaSchema::new("string")
});
schema!([] Json, "json", MetaSchema {
    additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
    ..MetaSchema::new("object")
});
schema!([const ITEMS: usize, const MIN: usize, const MAX: usize] TextList<ITEMS, MIN, MAX>, "text_list", MetaSchema {
    max_items: Some(ITEMS),
    items: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema {
        // The pattern implies one character.
        min_length: (MIN > 1).then_some(MIN),
        max_length: Some(MAX),
        pattern: (MIN > 0).then(|| NOT_BLANK.to_owned()),
        ..MetaSchema::new("string")
    })))),
    ..MetaSchema::new("array")
});

impl ParseFromParameter for Date {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(ParseError::custom)
    }
}

impl ParseFromParameter for Uuid {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(ParseError::custom)
    }
}
