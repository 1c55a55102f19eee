//! Days of the calendar.

use std::fmt;
use std::str::FromStr;

use jiff::civil;

use crate::Invalid;

/// A day of the calendar in the years 1 to 9999, without a time zone. As text it is `2026-01-31`
/// (RFC 3339).
///
/// `DATE` in PostgreSQL, text in SQLite, where it sorts by time, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = diesel::sql_types::Date))]
pub struct Date(civil::Date);

impl Date {
    /// The day that documents show.
    pub const fn example() -> Self {
        Self(civil::date(2026, 1, 31))
    }
}

impl TryFrom<civil::Date> for Date {
    type Error = Invalid;

    fn try_from(date: civil::Date) -> Result<Self, Invalid> {
        let is_known = date.year() >= 1;
        if is_known { Ok(Self(date)) } else { Err(Invalid("must be in the years 1 to 9999")) }
    }
}

impl From<Date> for civil::Date {
    fn from(date: Date) -> Self {
        date.0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Date {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // jiff also reads looser forms: times behind the day, weeks, no hyphens.
        let date = text.parse::<civil::Date>().ok().filter(|date| date.to_string() == text);
        date.ok_or(Invalid("must be a date, such as 2026-01-31"))?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_day_of_the_calendar_in_its_one_spelling_is_a_date() {
        for text in ["2026-01-31", "0001-01-01", "9999-12-31", "2024-02-29"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        for text in
            ["", "2026-02-29", "2026-1-31", "20260131", "2026-01-31T00:00:00Z", "2026-W05-6", "0000-01-01"]
        {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
