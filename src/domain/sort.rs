//! The order of a list, as a client asks for it.

/// The order of creation, from either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    OldestFirst,
    NewestFirst,
}

/// The text names no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be created_at or -created_at")]
pub struct InvalidSort;

impl Sort {
    pub fn parse(text: &str) -> Result<Self, InvalidSort> {
        let all = [Self::OldestFirst, Self::NewestFirst];
        all.into_iter().find(|sort| sort.as_str() == text).ok_or(InvalidSort)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OldestFirst => "created_at",
            Self::NewestFirst => "-created_at",
        }
    }

    /// The name of a list in this order: its page tokens are valid in no other.
    pub fn list_name(list: &str, sort: Option<Self>) -> String {
        sort.map_or_else(|| list.to_owned(), |sort| format!("{list} by {}", sort.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sort_is_the_name_of_a_field_with_or_without_a_minus() {
        assert_eq!(Sort::parse("created_at"), Ok(Sort::OldestFirst));
        assert_eq!(Sort::parse("-created_at"), Ok(Sort::NewestFirst));
        for text in ["", "id", "+created_at", "created_at,id", "--created_at", "CREATED_AT"] {
            assert_eq!(Sort::parse(text), Err(InvalidSort), "{text}");
        }
    }
}
