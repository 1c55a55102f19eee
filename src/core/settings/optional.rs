//! Settings that may be unset.

use super::check::Check;

/// A setting whose empty value means that it is unset.
pub(super) struct Optional<C>(pub C);

impl<C: Check> Check for Optional<C> {
    type Value = Option<C::Value>;
    const SECRET: bool = C::SECRET;

    fn read(&self, raw: &str) -> Result<Option<C::Value>, String> {
        if raw.is_empty() { Ok(None) } else { self.0.read(raw).map(Some) }
    }

    fn show(&self, value: &Option<C::Value>) -> String {
        value.as_ref().map(|value| self.0.show(value)).unwrap_or_default()
    }

    fn accepts(&self) -> String {
        self.0.accepts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::settings::check::Number;

    #[test]
    fn an_empty_value_is_unset_and_any_other_is_checked() {
        let port = Optional(Number(0_u16, 65_535));
        assert_eq!((port.read(""), port.read("9090")), (Ok(None), Ok(Some(9090))));
        assert!(port.read("x").is_err());
        assert_eq!((port.show(&None), port.show(&Some(1))), (String::new(), "1".to_owned()));
    }
}
