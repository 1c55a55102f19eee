//! What an operation declares beyond what poem-openapi knows: its rate limit and its retirement.
//!
//! A policy is a further tag of the handler, because tags are the one attribute that takes any
//! path: `tag = "Limit::Credentials"`, `tag = "Sunset::<2026_12_01, 2027_06_30>::PLANNED"`.
//! [`Policy::of`] reads it back, for the routes and for the document, which does not show it as a
//! tag.

use jiff::civil::Date;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem_openapi::Tags;
use poem_openapi::registry::Registry;

const LIMIT: &str = "limit:";
const SUNSET: &str = "sunset:";

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET_HEADER: HeaderName = HeaderName::from_static("sunset");

/// Which rate limit an operation has. Without a declaration: [`Limit::General`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limit {
    /// The limit of ordinary operations.
    #[default]
    General,
    /// The stricter limit of operations that take a password or a refresh token, which can be
    /// guessed.
    Credentials,
    /// No limit: the client is a supervisor, such as a load balancer that probes.
    Unlimited,
}

impl Limit {
    const ALL: [Self; 3] = [Self::General, Self::Credentials, Self::Unlimited];
}

impl Tags for Limit {
    fn register(&self, _: &mut Registry) {}

    fn name(&self) -> &'static str {
        match self {
            Self::General => "limit:general",
            Self::Credentials => "limit:credentials",
            Self::Unlimited => "limit:unlimited",
        }
    }
}

/// The operation is deprecated since the day `SINCE` and may be gone from the day `GONE` on, both
/// written as `yyyy_mm_dd`, in UTC. The document says so, and so does every response, in the
/// headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).
pub struct Sunset<const SINCE: u32, const GONE: u32>;

impl<const SINCE: u32, const GONE: u32> Sunset<SINCE, GONE> {
    /// The tag, for `#[oai(tag = "…")]`.
    pub const PLANNED: Self = Self;

    const NAME: &'static [u8] = &{
        assert!(SINCE < GONE, "an operation ends after it is deprecated");
        let mut name = *b"sunset:00000000:00000000";
        let (mut since, mut gone, mut digit) = (SINCE, GONE, 8);
        while digit > 0 {
            digit -= 1;
            name[7 + digit] = b'0' + (since % 10) as u8;
            name[16 + digit] = b'0' + (gone % 10) as u8;
            since /= 10;
            gone /= 10;
        }
        name
    };
}

impl<const SINCE: u32, const GONE: u32> Tags for Sunset<SINCE, GONE> {
    fn register(&self, _: &mut Registry) {}

    fn name(&self) -> &'static str {
        std::str::from_utf8(Self::NAME).unwrap_or_default()
    }
}

/// The policy of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Its rate limit.
    pub limit: Limit,
    /// Its retirement, if one is planned.
    pub retirement: Option<Retirement>,
}

/// When an operation ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// Possibly gone from this day on, in UTC.
    pub sunset: Date,
    /// The values of the headers `Deprecation` and `Sunset`.
    headers: [HeaderValue; 2],
}

/// A declaration that is neither a limit nor two days of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a policy: neither a limit nor two days of the calendar")]
pub struct InvalidPolicy(pub String);

impl Policy {
    /// Whether a tag is a declaration of this module.
    pub fn is_declaration(tag: &str) -> bool {
        tag.starts_with(LIMIT) || tag.starts_with(SUNSET)
    }

    /// The policy that an operation's tags declare.
    pub fn of<'a>(tags: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidPolicy> {
        let mut policy = Self::default();
        for tag in tags.into_iter().filter(|tag| Self::is_declaration(tag)) {
            let unknown = || InvalidPolicy(tag.to_owned());
            if let Some(days) = tag.strip_prefix(SUNSET) {
                policy.retirement = Some(Retirement::parse(days).ok_or_else(unknown)?);
            } else {
                policy.limit =
                    Limit::ALL.into_iter().find(|limit| limit.name() == tag).ok_or_else(unknown)?;
            }
        }
        Ok(policy)
    }
}

impl Retirement {
    /// Reads `20261201:20270630`.
    fn parse(days: &str) -> Option<Self> {
        let (since, sunset) = days.split_once(':')?;
        let day = |digits: &str| Date::strptime("%Y%m%d", digits).ok();
        let midnight = |day: Date| TimeZone::UTC.to_timestamp(day.into()).ok();
        let (since, sunset) = (day(since)?, day(sunset)?);
        let deprecation = format!("@{}", midnight(since)?.as_second());
        let end = DateTimePrinter::new().timestamp_to_rfc9110_string(&midnight(sunset)?).ok()?;
        Some(Self { sunset, headers: [deprecation.parse().ok()?, end.parse().ok()?] })
    }

    /// Sets the headers `Deprecation` and `Sunset` of a response.
    pub fn set_headers(&self, headers: &mut HeaderMap) {
        let [deprecation, sunset] = self.headers.clone();
        headers.insert(DEPRECATION, deprecation);
        headers.insert(SUNSET_HEADER, sunset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANNED: Sunset<2026_12_01, 2027_06_30> = Sunset::PLANNED;

    #[test]
    fn a_declared_policy_reads_back() {
        assert_eq!(Policy::of(["users"]), Ok(Policy::default()));
        for limit in Limit::ALL {
            assert_eq!(Policy::of(["auth", limit.name()]).unwrap().limit, limit);
        }
        let retirement = Policy::of(["auth", PLANNED.name()]).unwrap().retirement.unwrap();
        assert_eq!(retirement.sunset.to_string(), "2027-06-30");
    }

    #[test]
    fn a_day_that_does_not_exist_and_an_unknown_limit_are_refused() {
        let nowhere: Sunset<2026_02_30, 2027_06_30> = Sunset::PLANNED;
        for tag in [nowhere.name(), "limit:sometimes", "sunset:never"] {
            assert_eq!(Policy::of([tag]), Err(InvalidPolicy(tag.to_owned())));
        }
    }

    #[test]
    fn answers_say_both_days_in_the_forms_of_their_standards() {
        let mut headers = HeaderMap::new();
        Policy::of([PLANNED.name()]).unwrap().retirement.unwrap().set_headers(&mut headers);
        assert_eq!(headers["deprecation"], "@1796083200");
        assert_eq!(headers["sunset"], "Wed, 30 Jun 2027 00:00:00 GMT");
    }
}
