//! Lists of short texts.

/// At most `ITEMS` texts, each of `MIN` to `MAX` characters. If `MIN` is 1 or more, none is blank.
///
/// `TEXT[]` in PostgreSQL, an array of JSON as text in SQLite.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Vec<String>")]
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = crate::sql::TextArray))]
pub struct TextList<const ITEMS: usize, const MIN: usize, const MAX: usize>(pub(crate) Vec<String>);

/// Why a list is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTextList {
    /// It has more texts than this.
    #[error("must have at most {0} items")]
    TooMany(usize),
    /// A text is blank.
    #[error("must have no blank item")]
    Blank,
    /// A text has fewer or more characters.
    #[error("must have items of {0} to {1} characters")]
    Length(usize, usize),
}

impl<const ITEMS: usize, const MIN: usize, const MAX: usize> TextList<ITEMS, MIN, MAX> {
    /// The list that documents show.
    pub fn example() -> Self {
        let length = "first".len().clamp(MIN, MAX);
        Self(Vec::from_iter((ITEMS > 0).then(|| "first".chars().cycle().take(length).collect())))
    }
}

impl<const ITEMS: usize, const MIN: usize, const MAX: usize> TryFrom<Vec<String>>
    for TextList<ITEMS, MIN, MAX>
{
    type Error = InvalidTextList;

    fn try_from(texts: Vec<String>) -> Result<Self, InvalidTextList> {
        if texts.len() > ITEMS {
            Err(InvalidTextList::TooMany(ITEMS))
        } else if MIN > 0 && texts.iter().any(|text| text.trim().is_empty()) {
            Err(InvalidTextList::Blank)
        } else if texts.iter().all(|text| (MIN..=MAX).contains(&text.chars().count())) {
            Ok(Self(texts))
        } else {
            Err(InvalidTextList::Length(MIN, MAX))
        }
    }
}

impl<const ITEMS: usize, const MIN: usize, const MAX: usize> AsRef<[String]> for TextList<ITEMS, MIN, MAX> {
    fn as_ref(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_few_and_short_texts() {
        let parse = |texts: &[&str]| {
            TextList::<2, 1, 3>::try_from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(parse(&["é", " bc"]).unwrap().as_ref(), ["é", " bc"]);
        assert!(parse(&[]).is_ok());
        assert_eq!(parse(&["a"; 3]), Err(InvalidTextList::TooMany(2)));
        assert_eq!(parse(&["a", " "]), Err(InvalidTextList::Blank));
        assert_eq!(parse(&["abcd"]), Err(InvalidTextList::Length(1, 3)));
        assert_eq!(TextList::<2, 8, 9>::example().as_ref(), ["firstfir"]);
    }
}
