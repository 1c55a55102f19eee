//! Parsers of values that configure telemetry. An error is the predicate of a sentence and repeats
//! nothing of the value.

use hyper::Uri;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};

/// What is logged: a level, or a comma-separated list of levels and `target=level` in the syntax of
/// [`EnvFilter`]. Returned without white space and empty parts.
///
/// # Errors
/// The problem as the predicate of a sentence.
pub fn log_filter(raw: &str) -> Result<String, &'static str> {
    // Empty parts mean nothing to `EnvFilter`, but `LevelFilter` reads them as `error`. A space
    // would become a part of the target.
    let parts: Vec<_> = raw.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    // `EnvFilter` takes any other word for a target, so a misspelt level would silence everything
    // else.
    let is_level = |part: &&str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
    if parts.is_empty() || !parts.iter().all(is_level) {
        return Err(
            "names a level there is not: use off, error, warn, info, debug or trace, or target=level",
        );
    }
    let filter = parts.join(",");
    match EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err("must be a level, or a list of target=level separated by commas"),
    }
}

/// The base URL of an OpenTelemetry collector, `http://host[:port]` or `https://host[:port]` with
/// an optional path, without a password. A slash at the end is dropped.
///
/// # Errors
/// The problem as the predicate of a sentence.
pub fn collector_url(raw: &str) -> Result<String, &'static str> {
    const INVALID: &str = "must be http://host[:port] or https://host[:port], without a password";
    let uri: Uri = raw.parse().map_err(|_| INVALID)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = uri
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    if !is_http || !has_host || uri.query().is_some() {
        return Err(INVALID);
    }
    Ok(raw.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_only_levels_that_there_are() {
        let filter = log_filter("WARN, app=debug,[span{id=1}]=trace,").unwrap();
        assert_eq!(filter, "WARN,app=debug,[span{id=1}]=trace");
        for (bad, problem) in [
            ("WARNING", "a level there is not"),
            ("inof", "a level there is not"),
            (",", "a level there is not"),
            ("app=loud", "target=level"),
        ] {
            assert!(log_filter(bad).unwrap_err().contains(problem), "{bad}");
        }
    }

    #[test]
    fn a_collector_is_an_address_of_http_without_a_password() {
        for (good, kept) in [
            ("http://collector:4318", "http://collector:4318"),
            ("https://collector.example/otlp/", "https://collector.example/otlp"),
            ("http://[::1]:4318/", "http://[::1]:4318"),
        ] {
            assert_eq!(collector_url(good).unwrap(), kept);
        }
        for bad in ["collector:4318", "grpc://c:4317", "http://", "http://a:b@c", "http://c/?d", "/v1/traces"]
        {
            assert!(collector_url(bad).is_err_and(|problem| !problem.contains("a:b")), "{bad}");
        }
    }
}
