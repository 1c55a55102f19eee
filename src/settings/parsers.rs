//! Addresses of databases, with errors that name the setting to use instead of an option of another
//! driver, and of other services.

use groundwork_database::url::{DatabaseUrl, PostgresUrl, UrlError};
use groundwork_telemetry::collector_url;
use hyper::Uri;

pub(super) fn database_url(raw: &str) -> Result<DatabaseUrl, String> {
    raw.parse().map_err(with_hint)
}

pub(super) fn postgres_url(raw: &str) -> Result<PostgresUrl, String> {
    raw.parse().map_err(with_hint)
}

pub(super) fn replica_url(raw: &str) -> Result<PostgresUrl, String> {
    PostgresUrl::replica(raw).map_err(with_hint)
}

pub(super) fn range_api_url(raw: &str) -> Result<String, &'static str> {
    const INVALID: &str = "must be an address such as https://host/range, without a password";
    collector_url(raw).map_err(|_| INVALID)
}

/// The base of links: `http://host` or `https://host`, perhaps with a port and a path.
pub(super) fn public_url(raw: &str) -> Result<String, &'static str> {
    const INVALID: &str =
        "must be http://host or https://host, perhaps with a port and a path, without ? and #";
    let uri: Uri = raw.parse().map_err(|_| INVALID)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().ok_or(INVALID)?;
    let is_plain = !authority.host().is_empty() && !authority.as_str().contains('@');
    if is_http && is_plain && !raw.contains(['?', '#']) {
        Ok(raw.trim_end_matches('/').to_owned())
    } else {
        Err(INVALID)
    }
}

/// A claim of tokens: each request carries it.
pub(super) fn claim(raw: &str) -> Result<String, &'static str> {
    let is_printable = raw.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_printable && raw.len() <= 255 {
        Ok(raw.to_owned())
    } else {
        Err("must be at most 255 printable ASCII characters")
    }
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` passes the error by value")]
fn with_hint(error: UrlError) -> String {
    let hint = match error.unknown_option().unwrap_or_default() {
        "pgbouncer" | "prepareThreshold" | "statement_cache_size" | "prepared_statements" => {
            ": behind a pooler set DB_POOL_MODE=transaction"
        }
        "connection_limit" | "pool_size" | "max_pool_size" | "pool_max_conns" => {
            ": DB_POOL_SIZE and DB_MAX_OVERFLOW say how many connections there are"
        }
        "pool_timeout" => ": set DB_POOL_TIMEOUT",
        "statement_timeout" => ": set DB_STATEMENT_TIMEOUT",
        _ => "",
    };
    format!("{error}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_begin_with_the_address_of_a_site() {
        for (raw, read) in [
            ("https://app.example.com", "https://app.example.com"),
            ("http://localhost:8000/", "http://localhost:8000"),
            ("https://example.com/app/", "https://example.com/app"),
        ] {
            assert_eq!(public_url(raw).as_deref(), Ok(read));
        }
        for raw in [
            "example.com",
            "ftp://example.com",
            "https://",
            "https://u:p@example.com",
            "https://example.com?a",
            "https://example.com#a",
            "/app",
            "https://exa mple.com",
            "javascript:alert(1)",
        ] {
            assert!(public_url(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn an_option_of_another_driver_is_answered_with_the_setting_that_has_its_purpose() {
        for (option, expected) in [
            ("pgbouncer", "has an unknown option `pgbouncer`: behind a pooler set DB_POOL_MODE=transaction"),
            ("pool_timeout", "has an unknown option `pool_timeout`: set DB_POOL_TIMEOUT"),
            ("sslcert", "has an unknown option `sslcert`: client certificates are not supported"),
            ("other", "has an unknown option `other`"),
        ] {
            let url = format!("postgres://u:p@h/d?{option}=hunter2");
            assert_eq!(database_url(&url).unwrap_err(), expected);
            assert_eq!(replica_url(&url).unwrap_err(), expected);
        }
    }
}
