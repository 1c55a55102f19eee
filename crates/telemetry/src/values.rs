//! Values that configure telemetry.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use thiserror::Error;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// Why a value is not accepted, as the predicate of a sentence. Repeats nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct InvalidValue(&'static str);

/// What is logged: a level, or a comma-separated list of levels and `target=level` in the syntax of
/// [`EnvFilter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter without white space and empty parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogFilter {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        // Empty parts mean nothing to `EnvFilter`, but `LevelFilter` reads them as `error`. A space
        // would become a part of the target.
        let parts: Vec<_> = raw.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        // `EnvFilter` takes any other word for a target, so a misspelt level would silence
        // everything else.
        let is_level = |part: &&str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
        if parts.is_empty() || !parts.iter().all(is_level) {
            return Err(InvalidValue(
                "names a level there is not: use off, error, warn, info, debug or trace, or target=level",
            ));
        }
        let filter = parts.join(",");
        match EnvFilter::builder().parse(&filter) {
            Ok(_) => Ok(Self(filter)),
            Err(_) => Err(InvalidValue("must be a level, or a list of target=level separated by commas")),
        }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The base URL of an OpenTelemetry collector, `http://host[:port]` or `https://host[:port]` with
/// an optional path, without a password. A slash at the end is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorUrl(String);

impl CollectorUrl {
    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CollectorUrl {
    type Err = InvalidValue;

    fn from_str(raw: &str) -> Result<Self, InvalidValue> {
        let invalid = InvalidValue("must be http://host[:port] or https://host[:port], without a password");
        let uri: Uri = raw.parse().map_err(|_| invalid)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri
            .authority()
            .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
        if !is_http || !has_host || uri.query().is_some() {
            return Err(invalid);
        }
        Ok(Self(raw.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for CollectorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_only_levels_that_there_are() {
        let filter: LogFilter = "WARN, app=debug,[span{id=1}]=trace,".parse().unwrap();
        assert_eq!(filter.as_str(), "WARN,app=debug,[span{id=1}]=trace");
        for (bad, problem) in [
            ("WARNING", "a level there is not"),
            ("inof", "a level there is not"),
            (",", "a level there is not"),
            ("app=loud", "target=level"),
        ] {
            assert!(bad.parse::<LogFilter>().unwrap_err().to_string().contains(problem), "{bad}");
        }
    }

    #[test]
    fn a_collector_is_an_address_of_http_without_a_password() {
        for (good, kept) in [
            ("http://collector:4318", "http://collector:4318"),
            ("https://collector.example/otlp/", "https://collector.example/otlp"),
            ("http://[::1]:4318/", "http://[::1]:4318"),
        ] {
            assert_eq!(good.parse::<CollectorUrl>().unwrap().as_str(), kept);
        }
        for bad in ["collector:4318", "grpc://c:4317", "http://", "http://a:b@c", "http://c/?d", "/v1/traces"]
        {
            let found = bad.parse::<CollectorUrl>();
            assert!(found.is_err_and(|problem| !problem.to_string().contains("a:b")), "{bad}");
        }
    }
}
