//! Text that people type, parsed once where it enters.

use std::fmt;

/// Why a text was refused: a phrase that follows the field's name, free of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);

/// A person's name: 1 to 255 characters after trimming, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullName(String);

impl FullName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Reads a name.
    ///
    /// # Errors
    /// When nothing is left after trimming, or it is too long or not printable.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let name = text.trim();
        if name.is_empty() {
            Err(Invalid("must not be blank"))
        } else if name.chars().count() > Self::MAX_CHARS {
            Err(Invalid("must be at most 255 characters"))
        } else if name.chars().any(char::is_control) {
            Err(Invalid("must not contain control characters"))
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_anything_printable() {
        assert_eq!(FullName::parse("  Ada Lovelace ").unwrap().as_str(), "Ada Lovelace");
        assert_eq!(FullName::parse("李小龍 🐉").unwrap().as_str(), "李小龍 🐉");
    }

    #[test]
    fn blank_long_and_unprintable_names_are_refused() {
        for name in ["", "   ", "a\nb", "a\0b", &"x".repeat(256)] {
            assert!(FullName::parse(name).is_err(), "{name:?}");
        }
        assert!(FullName::parse(&"é".repeat(255)).is_ok());
    }
}
