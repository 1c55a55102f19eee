//! Settings that may be unset, and those of traces.

use hyper::Uri;

use super::check::Check;

/// A setting whose empty value means that it is unset.
pub(super) struct Optional<C>(pub C);

impl<C: Check> Check for Optional<C> {
    type Value = Option<C::Value>;
    const SECRET: bool = C::SECRET;
    const HIDDEN: bool = C::HIDDEN;

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

/// A part of a whole, from none to all.
pub(super) struct Ratio;

impl Check for Ratio {
    type Value = f64;

    fn read(&self, raw: &str) -> Result<f64, String> {
        raw.parse()
            .ok()
            .filter(|ratio| (0.0..=1.0).contains(ratio))
            .ok_or_else(|| "must be a number from 0 to 1, such as 0.1".to_owned())
    }

    fn show(&self, value: &f64) -> String {
        value.to_string()
    }

    fn accepts(&self) -> String {
        "From 0 to 1.".to_owned()
    }
}

/// The base address of a collector, kept without a final slash.
pub(super) struct Collector;

impl Check for Collector {
    type Value = String;
    // Refused ones may hold a password.
    const HIDDEN: bool = true;

    fn read(&self, raw: &str) -> Result<String, String> {
        let form = || "must be http://host[:port] or https://host[:port], without a password".to_owned();
        let uri: Uri = raw.parse().map_err(|_| form())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri
            .authority()
            .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
        if !is_http || !has_host || uri.query().is_some() {
            return Err(form());
        }
        Ok(raw.trim_end_matches('/').to_owned())
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn accepts(&self) -> String {
        "`http://host[:port]` or `https://host[:port]`; `/v1/traces` is appended.".to_owned()
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

    #[test]
    fn a_ratio_is_from_none_to_all() {
        assert_eq!((Ratio.read("0"), Ratio.read("0.25"), Ratio.read("1")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for bad in ["-0.1", "1.1", "NaN", "inf", "10%", ""] {
            assert!(Ratio.read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_collector_is_an_address_of_http_without_a_password() {
        for (good, kept) in [
            ("http://collector:4318", "http://collector:4318"),
            ("https://collector.example/otlp/", "https://collector.example/otlp"),
            ("http://[::1]:4318/", "http://[::1]:4318"),
        ] {
            assert_eq!(Collector.read(good).as_deref(), Ok(kept));
        }
        for bad in ["collector:4318", "grpc://c:4317", "http://", "http://a:b@c", "http://c/?d", "/v1/traces"]
        {
            let found = Collector.read(bad);
            assert!(found.as_ref().is_err_and(|problem| !problem.contains("a:b")), "{bad}: {found:?}");
        }
    }
}
