use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use groundwork_settings::secret::guessable;
use groundwork_settings::{Entry, Problem, Table, env_example, markdown_table};
use secrecy::ExposeSecret;

use super::*;

fn entries() -> Vec<Entry> {
    Settings::entries()
}

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
    let others = [
        ("DATABASE_URL", "postgres://u:p@h/d"),
        ("TLS_CERTIFICATE_FILE", "c"),
        ("TLS_KEY_FILE", "k"),
        ("MAIL_FROM", "a@example.com"),
        ("JWT_ALGORITHM", "ES256"),
        ("JWT_PRIVATE_KEY_FILE", "k"),
    ];
    for entry in entries.iter().filter(|entry| entry.name != "APP_ENV") {
        let pairs = [&[(entry.name, entry.example)], &others[..]].concat();
        from(&pairs).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_private_key_and_its_algorithm_go_together() {
    for algorithm in ["ES256", "EdDSA"] {
        let error = from(&[("JWT_ALGORITHM", algorithm)]).unwrap_err().to_string();
        assert!(error.contains("JWT_PRIVATE_KEY_FILE must be set"), "{error}");
        assert!(from(&[("JWT_ALGORITHM", algorithm), ("JWT_PRIVATE_KEY_FILE", "k")]).is_ok());
    }
    let error = from(&[("JWT_PRIVATE_KEY_FILE", "k")]).unwrap_err().to_string();
    assert!(error.contains("choose ES256 or EdDSA"), "{error}");
    assert!(from(&[("JWT_PREVIOUS_PRIVATE_KEY_FILES", "k,l")]).is_ok());
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
    assert_eq!(settings.log_level.as_str(), "WARN,groundwork=debug,[span{id=1}]=trace");
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
        ("JWT_ALGORITHM", "none", "must be one of HS256, ES256, EdDSA"),
        ("JWT_ALGORITHM", "RS256", "must be one of HS256, ES256, EdDSA"),
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
        ("SMTP_URL", "mail.example.com", "smtp://host:port"),
        ("MAIL_FROM", "Groundwork", "must be an email address"),
        ("JWT_ISSUER", "https://api.example.com/\u{e9}", "printable ASCII characters"),
        ("JWT_AUDIENCE", "a\nb", "printable ASCII characters"),
        ("PUBLIC_URL", "app.example.com", "must be http://host or https://host"),
        ("PUBLIC_URL", "https://app.example.com/?page=", "without ? and #"),
        ("REGISTRATION", "yes", "must be one of open, hidden, closed"),
        ("REQUIRE_VERIFIED_EMAIL", "maybe", "true or false"),
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
fn a_mail_server_needs_a_sender_and_what_needs_mail_needs_a_server_when_deployed() {
    let server = ("SMTP_URL", "smtps://u:p@mail.example.com");
    let found = problems(&[server]);
    assert_eq!((found.len(), found[0].variable), (1, "MAIL_FROM"));
    let sender = ("MAIL_FROM", "Shop <no-reply@example.com>");
    for env in ["staging", "production"] {
        let deployed = [("APP_ENV", env), ("JWT_SECRET_KEY", KEY)];
        // What worked without mail still does.
        assert_eq!(from(&deployed).unwrap().mail_tier(), None);
        for (name, value) in [("REGISTRATION", "hidden"), ("REQUIRE_VERIFIED_EMAIL", "true")] {
            let found = problems(&[deployed[0], deployed[1], (name, value)]);
            assert_eq!((found.len(), found[0].variable), (1, "SMTP_URL"));
            assert!(found[0].problem.contains(&format!("{name}={value} needs mail")), "{}", found[0].problem);
            let settings = from(&[deployed[0], deployed[1], server, sender, (name, value)]).unwrap();
            assert_eq!(settings.mail_tier(), Some("smtp"));
        }
    }
    let settings = from(&[("REGISTRATION", "hidden")]).unwrap();
    assert_eq!(settings.mail_tier(), Some("file"));
    settings.mail().unwrap();
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
        ("SMTP_URL", "smtps://u:hunter2@h"),
        ("MAIL_FROM", "a@example.com"),
        ("JWT_SECRET_KEY", KEY),
        ("JWT_PREVIOUS_SECRET_KEYS", &previous),
    ])
    .unwrap();
    assert!(!format!("{settings:?} {settings:#?}").contains("hunter2"));
    let effective: HashMap<_, _> = settings.effective().into_iter().collect();
    assert_eq!(effective["DATABASE_URL"], "postgres://u:********@h/d");
    assert_eq!(effective["DATABASE_REPLICA_URLS"], "postgres://u:********@r/d");
    assert_eq!(effective["REDIS_URL"], "redis://:********@h");
    assert_eq!(effective["SMTP_URL"], "smtps://u:********@h");
    assert_eq!(effective["JWT_SECRET_KEY"], "********");
    assert_eq!(effective["JWT_PREVIOUS_SECRET_KEYS"], "********,********");
    assert!(
        matches!(&settings.database_url, DatabaseUrl::Postgres(url) if url.hosts()[0].get_password() == Some(b"hunter2"))
    );
}

#[test]
fn a_command_that_signs_nothing_needs_no_secret_but_every_other_rule() {
    let read = |environment: &dyn Fn(&str) -> Result<Option<String>, String>, need| {
        Settings::read_from(&Sources::new(environment, Path::new("does-not-exist/.env")).unwrap(), need)
    };
    let production = |name: &str| Ok((name == "APP_ENV").then(|| "production".to_owned()));
    read(&production, Need::Secret).unwrap_err();
    let settings = read(&production, Need::NoSecret).unwrap();
    assert!(settings.jwt_secret_key.is_none());
    let weak = |name: &str| match name {
        "BCRYPT_ROUNDS" => Ok(Some("4".to_owned())),
        _ => production(name),
    };
    read(&weak, Need::NoSecret).unwrap_err();
}

#[test]
fn every_secret_is_read_from_the_file_that_its_variable_with_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let mut secrets = 0;
    for entry in entries().iter().filter(|entry| entry.is_secret) {
        let file = format!("{}_FILE", entry.name);
        assert!(entries().iter().all(|other| other.name != file), "{file} is a setting of its own");
        for ending in ["", "\n", "\r\n"] {
            fs::write(&path, format!("{}{ending}", entry.example)).unwrap();
            let given = [
                (file.as_str(), path.to_str().unwrap()),
                ("DATABASE_URL", "postgres://u:p@h/d"),
                ("MAIL_FROM", "a@example.com"),
            ];
            let given: Vec<_> =
                given.into_iter().filter(|(name, _)| !file.starts_with(name) || *name == file).collect();
            let direct: Vec<_> = given[1..].iter().copied().chain([(entry.name, entry.example)]).collect();
            assert_eq!(from(&given).unwrap().effective(), from(&direct).unwrap().effective(), "{file}");
        }
        secrets += 1;
    }
    assert!(secrets >= 5, "{secrets}");
    fs::write(&path, KEY).unwrap();
    let settings = from(&[("JWT_SECRET_KEY_FILE", path.to_str().unwrap())]).unwrap();
    assert_eq!(settings.jwt_secret_key.unwrap().expose_secret(), KEY);
}

#[test]
fn every_setting_is_in_both_documents_once() {
    let (example, table) = (env_example::<Settings>(), markdown_table::<Settings>());
    for entry in entries() {
        let line = format!("\n# {}={}\n", entry.name, entry.default);
        assert_eq!(example.matches(&line).count(), 1, "{line}");
        let row = format!("\n| `{}` | ", entry.name);
        assert_eq!(table.matches(&row).count(), 1, "{row}");
        assert!(!entry.doc.is_empty() && !entry.doc.contains('\n'), "{}", entry.name);
    }
    // Three bars and a row each: a bar in a cell is escaped.
    for row in table.lines().skip(2) {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 4, "{row}");
    }
}

#[test]
fn the_example_file_uncommented_gives_the_defaults() {
    let example = env_example::<Settings>();
    let value = |name: &str| {
        let prefix = format!("# {name}=");
        example.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
    };
    let from_example = Settings::from_lookup(value).unwrap();
    assert_eq!(from_example.effective(), Settings::from_lookup(|_| None).unwrap().effective());
}

#[test]
fn the_examples_of_secrets_are_guessable() {
    for entry in
        entries().iter().filter(|entry| entry.name.starts_with("JWT_") && entry.name.contains("SECRET"))
    {
        assert!(guessable(&entry.example.into()).is_some(), "{}", entry.name);
    }
}

#[test]
fn every_environment_is_read_as_it_is_shown() {
    for (name, env) in AppEnv::NAMES {
        assert_eq!(env.to_string(), *name);
    }
}
