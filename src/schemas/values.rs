//! The schemas of the domain types, and their conversions from and to JSON.
//!
//! The extractors validate a request against the document before it is parsed here, so parsing
//! fails only where the document states less than the type.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;

use super::common::{LoginEmail, Nullable, PageSize, PageToken};
use crate::core::email::Email;
use crate::core::email_prefix::EmailPrefix;
use crate::core::ids::UserId;
use crate::core::security::password::{Password, PasswordAttempt};
use crate::core::text::FullName;

/// Implements poem-openapi's `Type` for a value with an inline schema.
macro_rules! value_type {
    ($type:ty, $name:literal, $schema:expr) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
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

/// Implements the conversions of a value that is a JSON string.
macro_rules! text_type {
    ($type:ty, $name:literal, $schema:expr, parse: $parse:expr, show: $show:expr) => {
        value_type!($type, $name, $schema);

        impl ParseFromJSON for $type {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                match value {
                    Some(Value::String(text)) => Self::parse_from_parameter(&text),
                    other => Err(ParseError::expected_type(other.unwrap_or_default())),
                }
            }
        }

        impl ParseFromParameter for $type {
            fn parse_from_parameter(text: &str) -> ParseResult<Self> {
                $parse(text).map_err(ParseError::custom)
            }
        }

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                Some(Value::String($show(self)))
            }
        }
    };
}

/// Written instead of a secret. Secrets are in requests only, but poem-openapi's derives need both
/// directions.
const MASK: &str = "********";

fn text(format: Option<&'static str>, example: &str) -> MetaSchema {
    MetaSchema { format, example: Some(example.into()), ..MetaSchema::new("string") }
}

text_type!(Email, "email",
    MetaSchema { max_length: Some(254), ..text(Some("email"), "ada@example.com") },
    parse: Email::parse, show: |email: &Email| email.as_str().to_owned());

text_type!(LoginEmail, "login_email",
    MetaSchema { max_length: Some(254), ..text(Some("email"), "ada@example.com") },
    parse: |text: &str| Email::parse_known(text).map(LoginEmail),
    show: |email: &LoginEmail| email.0.as_str().to_owned());

text_type!(FullName, "full_name",
    MetaSchema {
        min_length: Some(1),
        max_length: Some(FullName::MAX_CHARS),
        // No control characters, and at least one character that is not white space.
        pattern: Some(r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$".to_owned()),
        ..text(None, "Ada Lovelace")
    },
    parse: FullName::parse, show: |name: &FullName| name.as_str().to_owned());

text_type!(Password, "password",
    MetaSchema {
        min_length: Some(Password::MIN_CHARS),
        max_length: Some(Password::MAX_CHARS),
        ..text(Some("password"), "correct horse battery staple")
    },
    parse: Password::parse, show: |_: &Password| MASK.to_owned());

text_type!(PasswordAttempt, "password_attempt",
    MetaSchema { max_length: Some(1024), ..text(None, "correct horse battery staple") },
    parse: |text: &str| Ok::<_, String>(PasswordAttempt::new(text.to_owned())),
    show: |_: &PasswordAttempt| MASK.to_owned());

text_type!(EmailPrefix, "email_prefix",
    MetaSchema { min_length: Some(1), max_length: Some(254), ..text(None, "ada@") },
    parse: EmailPrefix::parse, show: |prefix: &EmailPrefix| prefix.as_str().to_owned());

text_type!(PageToken, "page_token",
    MetaSchema { min_length: Some(1), max_length: Some(512), ..MetaSchema::new("string") },
    parse: |text: &str| Ok::<_, String>(PageToken(text.to_owned())),
    show: |token: &PageToken| token.0.clone());

/// Implements the conversions of a value that is a JSON integer.
macro_rules! integer_type {
    ($type:ident, $name:literal, $schema:expr, $inner:ty) => {
        value_type!($type, $name, $schema);

        impl ParseFromJSON for $type {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                Ok(Self(<$inner>::parse_from_json(value).map_err(ParseError::propagate)?))
            }
        }

        impl ParseFromParameter for $type {
            fn parse_from_parameter(text: &str) -> ParseResult<Self> {
                let number = text.parse::<$inner>().ok().filter(|number| number.to_string() == text);
                number.map($type).ok_or_else(|| ParseError::custom("must be an integer"))
            }
        }

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                Some(self.0.into())
            }
        }
    };
}

integer_type!(
    UserId,
    "user_id",
    MetaSchema {
        minimum: Some(1.0),
        example: Some(1.into()),
        ..MetaSchema::new_with_format("integer", "int64")
    },
    i64
);

integer_type!(
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
