//! Options of an address, and errors that name the one that cannot be used. Its value may be a secret.

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;

/// What the driver knows, beside what is read here (`sslmode`, `sslrootcert` and `target_session_attrs`).
pub(super) const KNOWN: [&str; 17] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "channel_binding",
    "load_balance_hosts",
];

/// The longest name that is repeated: longer ones are none, and may be a secret.
const NAME_LIMIT: usize = 32;

/// An address as the driver reads it, so that one accepted here is not refused at the first connection. The driver's
/// message may repeat the address, so it is not passed on: each option is tried by itself to find the wrong one.
pub(super) fn read(base: &str, options: &[&str]) -> Result<Config, String> {
    let parse = |options: &str| format!("{base}?{options}").parse::<Config>();
    match parse(&options.join("&")) {
        Ok(config) => Ok(config),
        Err(_) if parse("").is_err() => Err("has a host or port that cannot be read".to_owned()),
        Err(_) => Err(options
            .iter()
            .find(|option| parse(option).is_err())
            .map_or_else(|| "has options that cannot be read".to_owned(), |option| wrong(option))),
    }
}

/// What is wrong with one option that the driver does not take.
fn wrong(option: &str) -> String {
    match named(option) {
        Err(problem) => problem,
        Ok(name) if KNOWN.contains(&name.as_str()) => {
            format!("has a value of the option `{name}` that cannot be used")
        }
        Ok(name) => unknown(&name, hint(&name)),
    }
}

/// The name of an option, if it is one that can be repeated.
fn named(option: &str) -> Result<String, String> {
    let Some((name, _)) = option.split_once('=') else {
        return Err("has an option that is not name=value".to_owned());
    };
    let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if name.is_empty() || name.len() > NAME_LIMIT || !is_name(&name) {
        return Err("has an unknown option whose name is not one: letters and _".to_owned());
    }
    Ok(name)
}

fn unknown(name: &str, hint: &str) -> String {
    format!("has an unknown option `{name}`{hint}")
}

/// What to do instead of options that other drivers know.
fn hint(name: &str) -> &'static str {
    match name {
        "pgbouncer" | "prepareThreshold" | "statement_cache_size" | "prepared_statements" => {
            ": behind a pooler set DB_POOL_MODE=transaction"
        }
        "connection_limit" | "pool_size" | "max_pool_size" | "pool_max_conns" => {
            ": DB_POOL_SIZE and DB_MAX_OVERFLOW say how many connections there are"
        }
        "pool_timeout" => ": set DB_POOL_TIMEOUT",
        "statement_timeout" => ": set DB_STATEMENT_TIMEOUT",
        "sslcert" | "sslkey" | "sslpassword" | "sslidentity" => ": client certificates are not supported",
        "ssl" | "tls" => ": write sslmode",
        "schema" | "search_path" | "currentSchema" => ": write options=-csearch_path%3Dname",
        _ => "",
    }
}

/// An address of Redis takes the options in `known`, each once, and no others.
pub(in crate::core::settings) fn of_redis(query: Option<&str>, known: &[&str]) -> Result<(), String> {
    for option in query.unwrap_or_default().split('&').filter(|option| !option.is_empty()) {
        let name = named(option)?;
        if !known.contains(&name.as_str()) {
            let hint = match name.as_str() {
                "password" | "pass" | "user" | "username" => ": write redis://user:password@host",
                "db" | "database" => ": write redis://host/number",
                "ssl" | "tls" => ": write rediss://",
                _ => "",
            };
            return Err(unknown(&name, hint));
        }
    }
    Ok(())
}
