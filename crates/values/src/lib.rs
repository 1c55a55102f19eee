#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod date;
mod decimal;
mod json;
#[cfg(feature = "poem-openapi")]
mod schema;
#[cfg(feature = "diesel")]
pub mod sql;
mod text_list;
mod uuid;

pub use date::Date;
pub use decimal::{Decimal, InvalidDecimal};
pub use json::Json;
pub use text_list::{InvalidTextList, TextList};
pub use uuid::Uuid;

/// The pattern of JSON Schema for texts that are not blank.
pub const NOT_BLANK: &str = r"\S";

/// Why a value is invalid: a phrase that follows the field's name and does not contain the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);

/// The text is not an ID of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ID")]
pub struct InvalidId;

/// Lets serde read and write a type as it is read from text and displayed.
macro_rules! as_text {
    ([$($parameters:tt)*] $type:ty) => {
        impl<$($parameters)*> serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de, $($parameters)*> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!([] Date);
as_text!([] Uuid);
as_text!([const PRECISION: u32, const SCALE: u32] Decimal<PRECISION, SCALE>);

/// For the macros alone.
#[doc(hidden)]
pub mod __private {
    pub use serde::de::Error;
    pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
}

/// An ID that the database assigns, of a type of its own: `id_type! { pub struct OrderId; }`.
#[macro_export]
macro_rules! id_type {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident;) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name(pub i64);

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self).map_err(|_| $crate::InvalidId)
            }
        }

        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.0)
            }
        }

        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <i64 as $crate::__private::Deserialize>::deserialize(deserializer).map(Self)
            }
        }
    };
}

/// A text of this many characters, kept as it is. If the least is 1 or more, it must not be blank:
/// `text_type! { pub struct OrderNumber(1..=40); }`.
#[macro_export]
macro_rules! text_type {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident($min:literal..=$max:literal);) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $visibility struct $name(String);

        impl $name {
            /// In characters.
            $visibility const LENGTH: std::ops::RangeInclusive<usize> = $min..=$max;

            $visibility fn parse(text: &str) -> Result<Self, $crate::Invalid> {
                let length = text.chars().count();
                if *Self::LENGTH.start() > 0 && text.trim().is_empty() {
                    Err($crate::Invalid("must not be blank"))
                } else if length < *Self::LENGTH.start() {
                    Err($crate::Invalid(concat!("must be at least ", $min, " characters")))
                } else if length > *Self::LENGTH.end() {
                    Err($crate::Invalid(concat!("must be at most ", $max, " characters")))
                } else {
                    Ok(Self(text.to_owned()))
                }
            }

            $visibility fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as $crate::__private::Deserialize>::deserialize(deserializer)?;
                Self::parse(&text).map_err(<D::Error as $crate::__private::Error>::custom)
            }
        }
    };
}

/// An integer in this range: `integer_type! { pub struct Quantity(1..=1000); }`.
#[macro_export]
macro_rules! integer_type {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident($min:literal..=$max:literal);) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        $visibility struct $name(i64);

        impl $name {
            $visibility const RANGE: std::ops::RangeInclusive<i64> = $min..=$max;

            $visibility fn parse(number: i64) -> Result<Self, $crate::Invalid> {
                if number < *Self::RANGE.start() {
                    Err($crate::Invalid(concat!("must be at least ", $min)))
                } else if number > *Self::RANGE.end() {
                    Err($crate::Invalid(concat!("must be at most ", $max)))
                } else {
                    Ok(Self(number))
                }
            }
        }

        impl AsRef<i64> for $name {
            fn as_ref(&self) -> &i64 {
                &self.0
            }
        }

        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i64(self.0)
            }
        }

        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = <i64 as $crate::__private::Deserialize>::deserialize(deserializer)?;
                Self::parse(number).map_err(<D::Error as $crate::__private::Error>::custom)
            }
        }
    };
}

/// One of several names, which are the same in the database and in the document:
/// `enum_type! { pub enum OrderState { Draft = "draft", Sent = "sent" } }`.
#[macro_export]
macro_rules! enum_type {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident {
            $( $(#[$of_variant:meta])* $variant:ident = $text:literal ),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visibility enum $name {
            $( $(#[$of_variant])* $variant ),+
        }

        impl $name {
            /// All of them, in the order of their declaration.
            $visibility const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The one with this name.
            $visibility fn parse(text: &str) -> Result<Self, $crate::Invalid> {
                let known = Self::ALL.into_iter().find(|known| known.as_str() == text);
                known.ok_or($crate::Invalid(concat!("must be one of:", $(" ", $text),+)))
            }

            /// Its name.
            $visibility fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::Invalid;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as $crate::__private::Deserialize>::deserialize(deserializer)?;
                Self::parse(&text).map_err($crate::__private::Error::custom)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::Invalid;

    id_type! {
        struct NoteId;
    }

    text_type! {
        struct Code(2..=3);
    }

    text_type! {
        struct Remark(0..=3);
    }

    integer_type! {
        struct Offset(-1..=1);
    }

    enum_type! {
        enum Color {
            Red = "red",
            LightBlue = "light_blue",
        }
    }

    #[test]
    fn texts_and_integers_are_read_from_json_if_they_are_valid() {
        assert_eq!(serde_json::from_str::<Code>("\"ab\"").unwrap(), Code::parse("ab").unwrap());
        assert_eq!(serde_json::to_string(&Code::parse("ab").unwrap()).unwrap(), "\"ab\"");
        assert!(serde_json::from_str::<Code>("\"abcd\"").is_err());
        assert_eq!(serde_json::from_str::<Offset>("-1").unwrap(), Offset::parse(-1).unwrap());
        assert_eq!(serde_json::to_string(&Offset::parse(1).unwrap()).unwrap(), "1");
        assert!(serde_json::from_str::<Offset>("2").is_err());
    }

    #[test]
    fn a_text_is_kept_as_it_is_if_it_is_neither_blank_nor_too_short_nor_too_long() {
        assert_eq!(Code::parse(" é").unwrap().as_str(), " é");
        for (text, message) in [
            ("", "must not be blank"),
            ("   ", "must not be blank"),
            ("a", "must be at least 2 characters"),
            ("äöüß", "must be at most 3 characters"),
        ] {
            assert_eq!(Code::parse(text), Err(Invalid(message)), "{text:?}");
        }
        assert_eq!(Remark::parse("").unwrap().as_str(), "");
    }

    #[test]
    fn an_integer_is_in_its_range() {
        assert_eq!((-1..=1).map(|n| *Offset::parse(n).unwrap().as_ref()).collect::<Vec<_>>(), [-1, 0, 1]);
        assert_eq!(Offset::parse(-2), Err(Invalid("must be at least -1")));
        assert_eq!(Offset::parse(2), Err(Invalid("must be at most 1")));
    }

    #[test]
    fn a_name_is_parsed_exactly() {
        assert_eq!(Color::ALL.map(Color::as_str), ["red", "light_blue"]);
        assert_eq!(Color::try_from("light_blue".to_owned()), Ok(Color::LightBlue));
        assert_eq!(Color::parse("Red"), Err(Invalid("must be one of: red light_blue")));
    }

    #[test]
    fn an_id_is_a_number_as_text_too() {
        assert_eq!("7".parse(), Ok(NoteId(7)));
        assert_eq!(NoteId::from(7).to_string(), "7");
        assert!("seven".parse::<NoteId>().is_err());
    }
}
