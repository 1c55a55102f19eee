//! UUIDs.

use std::fmt;
use std::str::FromStr;

use crate::Invalid;

/// A UUID of any version. As text it has hyphens and, when it is written, lower-case letters
/// (RFC 9562).
///
/// `UUID` in PostgreSQL, 16 bytes in SQLite; both sort it by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = crate::sql::Uuid))]
pub struct Uuid(uuid::Uuid);

impl Uuid {
    /// The UUID that documents show.
    pub const fn example() -> Self {
        Self(uuid::Uuid::from_u128(0x3f2a_6c1e_8b47_4d09_9a5e_7c10_b2d4_e6f8))
    }

    /// Its 16 bytes, the most significant first.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<[u8; 16]> for Uuid {
    fn from(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for Uuid {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The forms without hyphens, in braces and of a URN have other lengths.
        let uuid = uuid::Uuid::try_parse(text).ok().filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH);
        uuid.map(Self).ok_or(Invalid("must be a UUID, such as 3f2a6c1e-8b47-4d09-9a5e-7c10b2d4e6f8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_hyphens_and_is_written_in_lower_case() {
        let text = "3f2a6c1e-8b47-4d09-9a5e-7c10b2d4e6f8";
        for spelling in [text, &text.to_uppercase()] {
            assert_eq!(spelling.parse(), Ok(Uuid::example()));
        }
        assert_eq!(Uuid::from(*Uuid::example().as_bytes()).to_string(), text);
        for wrong in
            [&text.replace('-', ""), &format!("{{{text}}}"), &format!("urn:uuid:{text}"), &text[1..], ""]
        {
            assert!(wrong.parse::<Uuid>().is_err(), "{wrong}");
        }
    }
}
