//! Decimal numbers, such as amounts of money.

use std::fmt;
use std::str::FromStr;

/// An exact number of at most `PRECISION` digits (18 or fewer), `SCALE` of them behind the point.
/// It is counted in its smallest unit, as an amount of euros in cents. As text, and in JSON, where
/// a number would be read as a float, it is `-0.50`.
///
/// `NUMERIC` in PostgreSQL, an integer of the smallest unit in SQLite. Both compare, sort and add
/// up the same; a product has another scale in SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = crate::sql::ScaledNumeric))]
pub struct Decimal<const PRECISION: u32, const SCALE: u32>(i64);

/// The text or number is not a decimal number of this many digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a decimal number as text with at most {whole} digits before the point and {scale} behind it"
)]
pub struct InvalidDecimal {
    /// Digits before the point; with none, there is only a zero.
    whole: u32,
    /// Digits behind it.
    scale: u32,
}

impl<const PRECISION: u32, const SCALE: u32> Decimal<PRECISION, SCALE> {
    const INVALID: InvalidDecimal = InvalidDecimal { whole: PRECISION - SCALE, scale: SCALE };
    const ONE: i64 = 10_i64.pow(SCALE);

    /// The largest number, in the smallest unit.
    pub const MAX_UNITS: i64 = 10_i64.pow(PRECISION) - 1;

    /// The number that documents show.
    pub const fn example() -> Self {
        Self(if PRECISION == SCALE { Self::ONE / 2 } else { Self::ONE + Self::ONE / 2 })
    }

    /// From the smallest unit: 150 is `1.50` if two digits are behind the point.
    pub fn from_units(units: i64) -> Result<Self, InvalidDecimal> {
        let is_in_range = (-Self::MAX_UNITS..=Self::MAX_UNITS).contains(&units);
        if is_in_range { Ok(Self(units)) } else { Err(Self::INVALID) }
    }

    /// In the smallest unit.
    pub const fn units(self) -> i64 {
        self.0
    }

    /// The pattern of JSON Schema for its text.
    pub fn pattern() -> String {
        Self::INVALID.pattern()
    }
}

impl InvalidDecimal {
    /// What a text lacks that does not match a [`Decimal::pattern`]; `None` for other patterns.
    pub fn of_pattern(pattern: &str) -> Option<Self> {
        let digits =
            (1..=18).flat_map(|precision| (0..=precision).map(move |scale| (precision - scale, scale)));
        let mut kinds = digits.map(|(whole, scale)| Self { whole, scale });
        kinds.find(|kind| kind.pattern() == pattern)
    }

    fn pattern(self) -> String {
        let whole = match self.whole {
            0 => "0".to_owned(),
            whole => format!("(0|[1-9][0-9]{{0,{}}})", whole - 1),
        };
        let fraction = match self.scale {
            0 => String::new(),
            scale => format!("(\\.[0-9]{{1,{scale}}})?"),
        };
        format!("^-?{whole}{fraction}$")
    }
}

impl<const PRECISION: u32, const SCALE: u32> fmt::Display for Decimal<PRECISION, SCALE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (self.0.abs() / Self::ONE, self.0.abs() % Self::ONE);
        write!(f, "{sign}{whole}")?;
        if SCALE > 0 { write!(f, ".{fraction:0width$}", width = SCALE as usize) } else { Ok(()) }
    }
}

impl<const PRECISION: u32, const SCALE: u32> FromStr for Decimal<PRECISION, SCALE> {
    type Err = InvalidDecimal;

    fn from_str(text: &str) -> Result<Self, InvalidDecimal> {
        let units = || {
            let unsigned = text.strip_prefix('-').unwrap_or(text);
            let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
            let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let is_written = is_number(whole)
                && (whole == "0" || !whole.starts_with('0'))
                && (is_number(fraction) || unsigned == whole)
                && fraction.len() <= SCALE as usize;
            let digits = format!("{whole}{fraction:0<width$}", width = SCALE as usize);
            let units: i64 = digits.parse().ok().filter(|_| is_written)?;
            Some(if unsigned == text { units } else { -units })
        };
        units().ok_or(Self::INVALID).and_then(Self::from_units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Price = Decimal<5, 2>;

    #[test]
    fn a_number_is_exact_and_has_one_text() {
        for (text, units, written) in [
            ("19.99", 1_999, "19.99"),
            ("-0.05", -5, "-0.05"),
            ("0", 0, "0.00"),
            ("-0.0", 0, "0.00"),
            ("7.5", 750, "7.50"),
            ("999.99", 99_999, "999.99"),
        ] {
            let price: Price = text.parse().unwrap();
            assert_eq!((price.units(), price.to_string()), (units, written.to_owned()));
        }
        assert_eq!("-42".parse::<Decimal<18, 0>>().unwrap().to_string(), "-42");
        assert!("0.123".parse::<Decimal<3, 3>>().is_ok() && "1.0".parse::<Decimal<3, 3>>().is_err());
        assert!(Price::from_units(-100_000).is_err() && Price::from_units(-99_999).is_ok());
    }

    #[test]
    fn what_is_no_such_number_is_refused() {
        for text in
            ["", "-", "+1", "1.", ".5", "01", "1,5", "1e2", "0.005", "1000", " 1", "1_0", "--1", "NaN", "٣"]
        {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_is_explained() {
        assert_eq!(Price::pattern(), r"^-?(0|[1-9][0-9]{0,2})(\.[0-9]{1,2})?$");
        let explained = InvalidDecimal::of_pattern(&Price::pattern()).unwrap().to_string();
        let expected =
            "must be a decimal number as text with at most 3 digits before the point and 2 behind it";
        assert_eq!(explained, expected);
        assert_eq!(InvalidDecimal::of_pattern(r"\S"), None);
    }
}
