//! How the types of `core` look in the document, and how they are read from it.
//!
//! The document states the rules and the extractors check them all at once; what is read here has passed, so a
//! failure here is only the last line of defence.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;

use super::common::{Change, LoginEmail, Nullable, PageSize, PageToken};
use crate::core::email::Email;
use crate::core::email_prefix::EmailPrefix;
use crate::core::ids::UserId;
use crate::core::security::password::{Password, PasswordAttempt};
use crate::core::text::FullName;

/// The parts of poem-openapi's `Type` that are the same for every value of one JSON type.
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

/// A value that is text in JSON.
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

/// A secret is never written out, not even by a type that could only be a request.
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
        // Something to see, and no control characters.
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

/// A value that is a whole number in JSON.
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

/// A value that may be null in JSON, which poem-openapi's own `Option` and `MaybeUndefined` do not say in the document.
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

nullable_type!(Nullable, required: true, |this| this.0.as_ref());
nullable_type!(Change, required: false, |this| if let Self::Set(value) = this { Some(value) } else { None });

impl<T: ParseFromJSON> ParseFromJSON for Change<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            None => Ok(Self::Keep),
            Some(Value::Null) => Ok(Self::Clear),
            value => T::parse_from_json(value).map(Self::Set).map_err(ParseError::propagate),
        }
    }
}

impl<T: ToJSON> ToJSON for Change<T> {
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
