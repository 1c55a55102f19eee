//! Text from people, and names.

pub use groundwork_values::Invalid;
use groundwork_values::text_type;
use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};
use serde::{Deserialize, Serialize};

text_type! {
    /// The kind of a job, known to this release or not.
    pub struct JobKind(1..=100);
}

/// Whether a character is invisible where it is not supported: Unicode's
/// `Default_Ignorable_Code_Point`, such as zero-width spaces, Hangul fillers, variation selectors
/// and tags.
pub(crate) fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character is visible on its own, that is, no space, mark, control or ignorable
/// character.
pub(crate) fn is_visible(c: char) -> bool {
    use GeneralCategory::{Control, Format, Unassigned};
    /// A Braille pattern without dots, which Unicode classifies as a symbol.
    const BLANK_BRAILLE: char = '\u{2800}';
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let is_blank = GeneralCategoryGroup::Separator.contains(category)
        || GeneralCategoryGroup::Mark.contains(category)
        || matches!(category, Control | Format | Unassigned);
    !is_blank && !is_ignorable(c) && c != BLANK_BRAILLE
}

/// Whether a character reverses the text around it, ends a line, or is a tag, which can hide text
/// (Unicode Technical Report 36, 3.8).
fn misleads(c: char) -> bool {
    let is_tag = ('\u{e0000}'..='\u{e007f}').contains(&c);
    is_tag || matches!(c, '\u{2028}' | '\u{2029}') || CodePointSetData::new::<BidiControl>().contains(c)
}

/// A name of one line without white space around it: not blank, with a visible character, and
/// without characters that mislead.
pub(super) fn name(text: &str) -> Result<String, Invalid> {
    let name = text.trim();
    if name.is_empty() {
        Err(Invalid("must not be blank"))
    } else if name.chars().any(char::is_control) {
        Err(Invalid("must not contain control characters"))
    } else if name.chars().any(misleads) {
        Err(Invalid("must not contain bidirectional, line separator or tag characters"))
    } else if !name.chars().any(is_visible) {
        Err(Invalid("must contain a visible character"))
    } else {
        Ok(name.to_owned())
    }
}

/// A person's name: 1 to 255 characters after trimming, at least one of them visible, and no
/// control, bidirectional or tag characters or line separators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct FullName(String);

impl TryFrom<String> for FullName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl FullName {
    pub const MAX_CHARS: usize = 255;

    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.trim().chars().count() > Self::MAX_CHARS {
            return Err(Invalid("must be at most 255 characters"));
        }
        name(text).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
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

    #[test]
    fn names_that_cannot_be_seen_or_turn_text_round_are_refused() {
        for invisible in [
            "\u{200b}", "\u{2060}", "\u{ad}", "\u{3164}", "\u{ffa0}", "\u{115f}", "\u{fe0f}", "\u{301}",
            "\u{2800}", "\u{3000}",
        ] {
            assert!(FullName::parse(&invisible.repeat(3)).is_err(), "{invisible:?}");
        }
        for c in "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}\u{e0001}\u{e0041}".chars() {
            assert!(FullName::parse(&format!("Ada{c}Lovelace")).is_err(), "{c:?}");
        }
        // Joiners are part of emoji and of several scripts.
        for name in
            ["👩\u{200d}🚀", "نیما می\u{200c}خواهم", "क्\u{200d}ष", "O'Neil-Smith Jr.", "עדה", "A\u{301}da"]
        {
            assert!(FullName::parse(name).is_ok(), "{name}");
        }
    }
}
