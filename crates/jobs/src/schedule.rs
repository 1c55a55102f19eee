//! The times of periodic jobs.

use std::cmp::Ordering;
use std::str::FromStr;

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, Cron, CronDateTime, Resolution, Weekday};
use groundwork_clock::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A cron expression of five fields, in UTC: minute, hour, day of the month, month, day of the
/// week, such as `17 3 * * *` for each day at 03:17.
#[derive(Clone, Debug)]
pub struct Schedule(Cron);

/// The text is not a cron expression, or stands for no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cron expression: {0}")]
pub struct InvalidSchedule(String);

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| InvalidSchedule(error.to_string()))?;
        let schedule = Self(cron);
        let has_time = schedule.next(Timestamp::from_seconds(0)).is_some();
        if has_time { Ok(schedule) } else { Err(InvalidSchedule("it stands for no time".to_owned())) }
    }
}

impl Schedule {
    /// The first time after `after`.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.0.find_next_occurrence(&Utc::at(after)?, false).ok()?.timestamp()
    }

    /// The last time up to `until`.
    pub(crate) fn last(&self, until: Timestamp) -> Option<Timestamp> {
        self.0.find_previous_occurrence(&Utc::at(until)?, true).ok()?.timestamp()
    }
}

/// An instant as croner sees it. Its own implementation is for another version of jiff.
#[derive(Clone, Copy)]
struct Utc(DateTime);

impl Utc {
    fn at(instant: Timestamp) -> Option<Self> {
        let instant = jiff::Timestamp::from_second(instant.seconds()).ok()?;
        Some(Self(TimeZone::UTC.to_datetime(instant)))
    }

    fn timestamp(self) -> Option<Timestamp> {
        let instant = TimeZone::UTC.to_timestamp(self.0).ok()?;
        Some(Timestamp::from_seconds(instant.as_second()))
    }
}

impl CronDateTime for Utc {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.0;
        let [month, day, hour, minute, second] = [at.month(), at.day(), at.hour(), at.minute(), at.second()]
            .map(|part| part.unsigned_abs().into());
        let date = CivilDate::from_parts_unchecked(at.year().into(), month, day);
        CivilDateTime::new(date, CivilTime::from_parts_unchecked(hour, minute, second))
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.0.weekday().to_sunday_zero_offset().unsigned_abs().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let small = |number: u32| i8::try_from(number).map_err(|_| CronError::InvalidDate);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let (hour, minute, second) = (small(civil.hour())?, small(civil.minute())?, small(civil.second())?);
        let at = DateTime::new(year, small(civil.month())?, small(civil.day())?, hour, minute, second, 0);
        Ok(Resolution::Single(Self(at.map_err(|_| CronError::InvalidDate)?)))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(jiff::SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_times_of_a_schedule_are_in_utc() {
        for (schedule, after, next) in [
            ("17 3 * * *", "2026-01-31T03:16:59.5Z", "2026-01-31T03:17:00Z"),
            ("17 3 * * *", "2026-01-31T03:17:00Z", "2026-02-01T03:17:00Z"),
            ("*/15 * * * *", "2026-12-31T23:45:00.000001Z", "2027-01-01T00:00:00Z"),
            ("0 0 * * MON", "2026-11-27T12:00:00Z", "2026-11-30T00:00:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("@daily", "2026-01-31T03:17:00Z", "2026-02-01T00:00:00Z"),
        ] {
            let schedule: Schedule = schedule.parse().unwrap();
            assert_eq!(schedule.next(at(after)), Some(at(next)));
            assert_eq!(schedule.last(at(next)), Some(at(next)), "inclusive");
            assert!(schedule.last(at(after)) <= Some(at(after)));
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "every day", "61 * * * *", "* * * *", "* * * * * *", "0 0 30 2 *"] {
            assert!(text.parse::<Schedule>().is_err(), "{text:?}");
        }
    }
}
