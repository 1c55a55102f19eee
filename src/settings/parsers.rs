//! Addresses of databases, with errors that name the setting to use instead of an option of another
//! driver, and of other services.

use groundwork_database::url::{DatabaseUrl, PostgresUrl, UrlError};
use groundwork_telemetry::collector_url;

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
