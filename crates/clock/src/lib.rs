#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "poem-openapi")]
mod schema;
#[cfg(feature = "diesel")]
pub mod sql;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::fmt::temporal::Pieces;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// An instant in UTC, in microseconds since 1970: what both databases can hold without rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow), diesel(sql_type = sql::Timestamptz))]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since 1970-01-01T00:00:00Z, saturating at the ends of the range.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS_PER_SECOND))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down: the unit of a token's `iat` and
    /// `exp`.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// How long ago `earlier` was; zero when it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// The instant `duration` later, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(duration)))
    }

    /// The instant `duration` earlier, saturating.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros_of(duration)))
    }
}

fn micros_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC, as the document's `date-time`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// The text is no timestamp.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATimestamp {
    /// It is not an RFC 3339 date and time with an offset.
    #[error("must be a date and time with an offset, such as 2026-01-31T09:30:00Z")]
    Malformed,
    /// It is later than every timestamp.
    #[error("must be at most 9999-12-30T22:00:00Z")]
    TooLate,
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // jiff also reads looser forms (a space for the T, an annotation in brackets); RFC 3339
        // does not.
        let shaped =
            text.as_bytes().get(10).is_some_and(|b| b.eq_ignore_ascii_case(&b'T')) && !text.contains('[');
        if !shaped {
            return Err(NotATimestamp::Malformed);
        }
        let instant = text.parse::<jiff::Timestamp>().map_err(|_| {
            let has_offset = Pieces::parse(text).is_ok_and(|pieces| pieces.offset().is_some());
            if has_offset { NotATimestamp::TooLate } else { NotATimestamp::Malformed }
        })?;
        Ok(Self(instant.as_microsecond()))
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The source of the current time. Clones share one offset, which is zero unless a test moves it,
/// so that a test about tomorrow runs the same code as production.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_micros: Arc<AtomicI64>,
}

impl Clock {
    /// The current time.
    pub fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(micros_of(since_epoch).saturating_add(self.offset_micros()))
    }

    /// How far this clock is ahead of the machine's, in microseconds. A Redis script that reads the
    /// server's time adds it.
    pub fn offset_micros(&self) -> i64 {
        self.offset_micros.load(Ordering::Relaxed)
    }

    /// Moves this clock and all its clones forward.
    pub fn advance(&self, by: Duration) {
        self.offset_micros.fetch_add(micros_of(by), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_back_what_it_writes() {
        let instant = Timestamp::from_micros(1_769_851_800_123_456);
        assert_eq!(instant.to_string(), "2026-01-31T09:30:00.123456Z");
        assert_eq!(instant.to_string().parse::<Timestamp>().unwrap(), instant);
        assert_eq!(
            "2026-01-31T10:30:00+01:00".parse::<Timestamp>().unwrap().to_string(),
            "2026-01-31T09:30:00Z"
        );
    }

    #[test]
    fn only_a_date_time_with_an_offset_is_a_timestamp() {
        for text in [
            "",
            "yesterday",
            "2026-01-31",
            "2026-01-31T09:30:00",
            "2026-13-01T00:00:00Z",
            "1769851800",
            "2026-01-31 09:30:00Z",
            "2026-01-31T09:30:00Z[UTC]",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(NotATimestamp::Malformed), "{text}");
        }
        assert!("9999-12-30T22:00:00Z".parse::<Timestamp>().is_ok());
        assert_eq!("9999-12-31T23:59:59Z".parse::<Timestamp>(), Err(NotATimestamp::TooLate));
    }

    #[test]
    fn clones_of_a_clock_move_together() {
        let clock = Clock::default();
        let clone = clock.clone();
        let before = clone.now();
        clock.advance(Duration::from_hours(1));
        assert!(clone.now() >= before.plus(Duration::from_hours(1)));
    }
}
