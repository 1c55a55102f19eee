use std::collections::{HashMap, HashSet};
use std::fs;

use super::*;
use crate::core::settings::table::entries;
use crate::core::settings::{AppEnv, DatabaseUrl, LogFormat};

/// A good key, and one that shows up in no other text.
const KEY: &str = "hunter2-Zq8v1LxT0cWm5RjYb3KdN9sE";

fn from(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::from_lookup(|name| {
        pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

fn problems(pairs: &[(&str, &str)]) -> Vec<Problem> {
    match from(pairs) {
        Err(SettingsError::Invalid(problems)) => problems,
        other => panic!("{pairs:?}: {other:?}"),
    }
}

#[test]
fn with_nothing_set_the_defaults_hold() {
    let settings = from(&[]).unwrap();
    assert_eq!(settings.app_env, AppEnv::Development);
    assert_eq!((settings.host.to_string().as_str(), settings.port), ("127.0.0.1", 8000));
    assert_eq!(settings.database_url.tier(), "sqlite");
    assert_eq!(settings.access_token_expire.as_secs(), 30 * 60);
    assert_eq!(settings.refresh_token_expire.as_secs(), 7 * 24 * 60 * 60);
    assert_eq!(settings.request_timeout.as_secs(), 15);
    assert_eq!(settings.log_format, LogFormat::Text);
    assert!(settings.jwt_secret_key.is_none() && settings.redis_url.is_none());
    assert!(settings.cors_origins.is_empty() && settings.trusted_proxies.is_empty());
    let defaults: Vec<_> = entries().iter().map(|entry| (entry.name, entry.default.to_owned())).collect();
    assert_eq!(settings.effective(), defaults);
}

#[test]
fn names_are_unique_and_every_example_is_accepted() {
    let entries = entries();
    let names: HashSet<_> = entries.iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), entries.len());
    // What goes together only.
    let others =
        [("DATABASE_URL", "postgres://u:p@h/d"), ("TLS_CERTIFICATE_FILE", "c"), ("TLS_KEY_FILE", "k")];
    for entry in entries.iter().filter(|entry| entry.name != "APP_ENV") {
        let pairs = [&[(entry.name, entry.example)], &others[..]].concat();
        from(&pairs).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_certificate_and_its_key_go_together() {
    for (given, missing) in
        [("TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"), ("TLS_KEY_FILE", "TLS_CERTIFICATE_FILE")]
    {
        let error = from(&[(given, "/etc/file")]).unwrap_err().to_string();
        assert!(error.contains(&format!("{missing} must be set too")), "{error}");
    }
}

#[test]
fn values_are_read_in_the_forms_people_write() {
    let settings = from(&[
        ("APP_ENV", "Staging"),
        ("JWT_SECRET_KEY", KEY),
        ("HOST", "::"),
        ("PORT", " 0\n"),
        ("RATE_LIMIT_ENABLED", "OFF"),
        ("LOG_LEVEL", "WARN, groundwork=debug,[span{id=1}]=trace,"),
        ("LOG_FORMAT", "JSON"),
        ("JWT_ALGORITHM", "hs256"),
        ("CACHE_TTL", "86400"),
    ])
    .unwrap();
    assert_eq!(settings.app_env, AppEnv::Staging);
    assert!(settings.host.is_ipv6() && settings.port == 0 && !settings.rate_limit_enabled);
    assert_eq!(settings.log_level, "WARN,groundwork=debug,[span{id=1}]=trace");
    assert_eq!(settings.log_format, LogFormat::Json);
    assert_eq!(settings.cache_ttl.as_secs(), 86_400);
}

#[test]
fn a_wrong_value_is_refused_with_its_reason() {
    let long = "n".repeat(101);
    for (name, value, problem) in [
        ("APP_NAME", long.as_str(), "at most 100 characters"),
        ("APP_NAME", "two\nlines", "one line"),
        ("APP_ENV", "prod", "must be one of development, staging, production (it is \"prod\")"),
        ("HOST", "localhost", "IPv4 or IPv6"),
        ("HOST", "127.0.0.1:80", "without a port"),
        ("PORT", "http", "from 0 to 65535"),
        ("PORT", "65536", "from 0 to 65535"),
        ("PORT", "-1", "from 0 to 65535"),
        ("API_V1_PREFIX", "api", "start with /"),
        ("CORS_ORIGINS", "*", "every website"),
        ("DATABASE_URL", "sqlite://:memory:", "memory"),
        ("DB_POOL_SIZE", "0", "from 1 to 1000"),
        ("DB_POOL_SIZE", "1001", "from 1 to 1000"),
        ("DB_MAX_OVERFLOW", "1001", "from 0 to 1000"),
        ("DB_POOL_TIMEOUT", "0", "from 1 to 300, in seconds"),
        ("DB_POOL_TIMEOUT", "30s", "without the unit"),
        ("DB_STATEMENT_TIMEOUT", "3601", "from 1 to 3600"),
        ("REDIS_URL", "localhost", "redis://"),
        ("CACHE_TTL", "0", "from 1 to 86400"),
        ("JWT_SECRET_KEY", "0123456789012345678901234567890", "at least 32 bytes"),
        ("JWT_SECRET_KEY", "a long key, but one with a comma in it", "must not contain a comma"),
        (
            "JWT_PREVIOUS_SECRET_KEYS",
            "hunter2-Zq8v1LxT0cWm5RjYb3KdN9sE,short",
            "entry 2: must be at least 32",
        ),
        ("JWT_ALGORITHM", "none", "must be HS256"),
        ("JWT_ALGORITHM", "RS256", "must be HS256"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "1441", "from 1 to 1440, in minutes"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "0", "from 1 to 365, in days"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "99999999999999999999", "from 1 to 365"),
        ("RATE_LIMIT_ENABLED", "maybe", "true or false"),
        ("RATE_LIMIT_PER_MINUTE", "0", "from 1 to 1000000"),
        ("AUTH_RATE_LIMIT_PER_MINUTE", "1.5", "from 1 to 1000000"),
        ("BCRYPT_ROUNDS", "3", "from 4 to 31"),
        ("BCRYPT_ROUNDS", "32", "from 4 to 31"),
        ("BCRYPT_QUEUE_SIZE", "0", "from 1 to 10000"),
        ("REQUEST_TIMEOUT", "0", "from 1 to 3600"),
        ("BODY_TIMEOUT", "0", "from 1 to 3600"),
        ("SHUTDOWN_TIMEOUT", "0", "from 1 to 3600"),
        ("TRUSTED_PROXIES", "0.0.0.0/0", "every address"),
        ("LOG_LEVEL", "WARNING", "a level there is not"),
        ("LOG_LEVEL", "inof", "a level there is not"),
        ("LOG_LEVEL", ",", "a level there is not"),
        ("LOG_LEVEL", "groundwork=loud", "target=level"),
        ("LOG_FORMAT", "xml", "must be one of text, json"),
    ] {
        let found = problems(&[(name, value)]);
        assert_eq!(found.len(), 1, "{name}={value}: {found:?}");
        assert_eq!(found[0].variable, name);
        assert!(found[0].problem.contains(problem), "{name}={value}: {}", found[0].problem);
        let example = entries().into_iter().find(|entry| entry.name == name).unwrap().example;
        assert_eq!(found[0].example, example);
    }
}

#[test]
fn all_problems_are_reported_at_once_and_no_secret_is() {
    let error = from(&[
        ("APP_ENV", "production"),
        ("PORT", "http"),
        ("DATABASE_URL", "postgres://u:hunter2@h"),
        ("DATABASE_REPLICA_URLS", "postgres://u:hunter2@h/d"),
        ("REDIS_URL", "redis://hunter2@h"),
        ("BCRYPT_ROUNDS", "4"),
        ("JWT_PREVIOUS_SECRET_KEYS", "hunter2"),
        ("CORS_ORIGINS", "postgres://u:hunter2@h/d"),
    ])
    .unwrap_err();
    let message = error.to_string();
    let SettingsError::Invalid(problems) = error else { panic!("{message}") };
    let variables: Vec<_> = problems.iter().map(|problem| problem.variable).collect();
    assert_eq!(
        variables,
        [
            "PORT",
            "CORS_ORIGINS",
            "DATABASE_URL",
            "REDIS_URL",
            "JWT_SECRET_KEY",
            "JWT_PREVIOUS_SECRET_KEYS",
            "BCRYPT_ROUNDS",
        ]
    );
    assert!(message.starts_with("7 settings are wrong:\n  PORT must be a whole number"), "{message}");
    assert!(message.contains("\n    example: PORT=8000\n"), "{message}");
    assert!(!message.contains("hunter2") && !format!("{problems:?}").contains("hunter2"), "{message}");
}

#[test]
fn one_problem_is_one_setting() {
    let message = from(&[("PORT", "x")]).unwrap_err().to_string();
    assert_eq!(
        message,
        "1 setting is wrong:\n  PORT must be a whole number from 0 to 65535 (it is \"x\")\n    example: PORT=8000"
    );
}

#[test]
fn a_long_or_unprintable_value_does_not_spoil_the_message() {
    let value = format!("\u{1b}[2J{}", "é".repeat(200));
    let message = from(&[("PORT", &value)]).unwrap_err().to_string();
    assert!(message.contains('…') && !message.contains('\u{1b}') && message.len() < 400, "{message}");
}

#[test]
fn deployed_environments_need_a_secret_and_costly_hashes() {
    for env in ["staging", "production"] {
        let found = problems(&[("APP_ENV", env), ("BCRYPT_ROUNDS", "9")]);
        let said: Vec<_> = found.iter().map(|found| (found.variable, found.problem.as_str())).collect();
        let expected = [
            ("JWT_SECRET_KEY", format!("must be set when APP_ENV is {env}")),
            ("BCRYPT_ROUNDS", format!("must be at least 10 when APP_ENV is {env}")),
        ];
        assert_eq!(said, expected.each_ref().map(|(variable, problem)| (*variable, problem.as_str())));
        from(&[("APP_ENV", env), ("BCRYPT_ROUNDS", "10"), ("JWT_SECRET_KEY", KEY)]).unwrap();
        // Wrong is not also missing.
        assert_eq!(problems(&[("APP_ENV", env), ("JWT_SECRET_KEY", "short")]).len(), 1);
    }
    from(&[("BCRYPT_ROUNDS", "4")]).unwrap();
}

#[test]
fn production_refuses_a_guessable_secret() {
    let placeholder = "change-me-to-the-output-of-openssl-rand-base64-48";
    for env in ["development", "staging"] {
        from(&[("APP_ENV", env), ("JWT_SECRET_KEY", placeholder)]).unwrap();
    }
    for key in [placeholder, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"] {
        let found = problems(&[("APP_ENV", "production"), ("JWT_SECRET_KEY", key)]);
        assert_eq!((found.len(), found[0].variable), (1, "JWT_SECRET_KEY"));
        assert!(found[0].problem.contains("refuses") && !found[0].problem.contains(key));
    }
    let keys = format!("{KEY},{placeholder}");
    let found =
        problems(&[("APP_ENV", "production"), ("JWT_SECRET_KEY", KEY), ("JWT_PREVIOUS_SECRET_KEYS", &keys)]);
    assert_eq!((found.len(), found[0].variable), (1, "JWT_PREVIOUS_SECRET_KEYS"));
}

#[test]
fn replicas_need_postgres() {
    let replicas = ("DATABASE_REPLICA_URLS", "postgres://u@a/d,postgres://u@b/d");
    let found = problems(&[replicas]);
    assert_eq!((found.len(), found[0].variable), (1, "DATABASE_REPLICA_URLS"));
    assert!(found[0].problem.contains("SQLite has no replicas"));
    let settings = from(&[replicas, ("DATABASE_URL", "postgres://u@h/d")]).unwrap();
    assert_eq!(settings.database_replica_urls.len(), 2);
}

#[test]
fn no_way_to_show_settings_shows_a_secret() {
    let previous = format!("{KEY},{KEY}");
    let settings = from(&[
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("DATABASE_REPLICA_URLS", "postgres://u:hunter2@r/d"),
        ("REDIS_URL", "redis://:hunter2@h"),
        ("JWT_SECRET_KEY", KEY),
        ("JWT_PREVIOUS_SECRET_KEYS", &previous),
    ])
    .unwrap();
    assert!(!format!("{settings:?} {settings:#?}").contains("hunter2"));
    let effective: HashMap<_, _> = settings.effective().into_iter().collect();
    assert_eq!(effective["DATABASE_URL"], "postgres://u:********@h/d");
    assert_eq!(effective["DATABASE_REPLICA_URLS"], "postgres://u:********@r/d");
    assert_eq!(effective["REDIS_URL"], "redis://:********@h");
    assert_eq!(effective["JWT_SECRET_KEY"], "********");
    assert_eq!(effective["JWT_PREVIOUS_SECRET_KEYS"], "********,********");
    assert!(
        matches!(&settings.database_url, DatabaseUrl::Postgres(url) if url.config().get_password() == Some(b"hunter2"))
    );
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    fs::write(&file, "PORT=9001\nAPP_NAME='from file'\nDB_POOL_SIZE=7\nCACHE_TTL=\n").unwrap();
    let environment = |name: &str| {
        Ok(match name {
            "PORT" => Some("9002".to_owned()),
            // An empty variable counts as unset.
            "DB_POOL_SIZE" => Some(" ".to_owned()),
            _ => None,
        })
    };
    let settings = Settings::from_sources(&environment, &file, Need::Secret).unwrap();
    assert_eq!(settings.port, 9002);
    assert_eq!(settings.app_name, "from file");
    assert_eq!(settings.db_pool_size, 7);
    assert_eq!(settings.cache_ttl.as_secs(), 300);
    assert_eq!(settings.db_max_overflow, 10);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "loading makes no file");
}

#[test]
fn a_malformed_file_is_an_error_that_names_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    fs::write(&file, "PORT=9001\nAPP_NAME=two words\n").unwrap();
    let error = Settings::from_sources(&|_| Ok(None), &file, Need::Secret).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 line of .env is wrong:\n  line 2 (APP_NAME) is not NAME=value; put a value with spaces, quotes or $ \
         in single quotes"
    );
}

#[test]
fn a_command_that_signs_nothing_needs_no_secret_but_every_other_rule() {
    let file = Path::new("does-not-exist/.env");
    let production = |name: &str| Ok((name == "APP_ENV").then(|| "production".to_owned()));
    Settings::from_sources(&production, file, Need::Secret).unwrap_err();
    let settings = Settings::from_sources(&production, file, Need::NoSecret).unwrap();
    assert!(settings.jwt_secret_key.is_none());
    let weak = |name: &str| match name {
        "BCRYPT_ROUNDS" => Ok(Some("4".to_owned())),
        _ => production(name),
    };
    Settings::from_sources(&weak, file, Need::NoSecret).unwrap_err();
}

#[test]
fn a_variable_that_is_not_text_is_an_error_and_not_unset() {
    let environment = |name: &str| match name {
        "PORT" => Err("is not valid UTF-8".to_owned()),
        _ => Ok(None),
    };
    let error =
        Settings::from_sources(&environment, Path::new("does-not-exist/.env"), Need::Secret).unwrap_err();
    assert!(error.to_string().contains("PORT is not valid UTF-8"), "{error}");
}

#[test]
fn the_environment_is_the_one_of_this_process() {
    assert_eq!(environment("CARGO_PKG_NAME").unwrap().as_deref(), option_env!("CARGO_PKG_NAME"));
    assert_eq!(environment("GROUNDWORK_HAS_NO_SUCH_SETTING").unwrap(), None);
}
