//! What makes a secret good enough, and the rules between settings.

use std::collections::HashSet;

use secrecy::{ExposeSecret, SecretString};

use super::check::{Check, list};
use super::error::Problem;
use super::table::{Settings, entries};
use super::{AppEnv, DatabaseUrl, MASK};

/// The shortest key for HS256 (RFC 7518, section 3.2): as long as its output.
pub(super) const KEY_BYTES: usize = 32;
/// A random key of 32 hexadecimal digits has fewer different ones once in thirty million.
const DIFFERENT_BYTES: usize = 8;
/// Each step below doubles what an attacker with the hashes can try.
const DEPLOYED_BCRYPT_ROUNDS: u32 = 10;
/// What tutorials and templates write where a key belongs, in lower case and without punctuation.
const PLACEHOLDERS: [&str; 14] = [
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "placeholder",
    "yoursecret",
    "yourjwtsecret",
    "secretkeyhere",
    "supersecret",
    "defaultsecret",
    "insecure",
    "notsecret",
    "example",
    "abcdefghijkl",
];

/// Whether a command signs or verifies tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It does.
    Secret,
    /// It does not: a missing secret is no error.
    NoSecret,
}

fn key(raw: &str) -> Result<SecretString, String> {
    if raw.len() < KEY_BYTES {
        return Err(format!("must be at least {KEY_BYTES} bytes, or the tokens it signs can be forged"));
    }
    if raw.contains(',') {
        return Err(
            "must not contain a comma: JWT_PREVIOUS_SECRET_KEYS, where it ends up, separates keys by it"
                .to_owned(),
        );
    }
    Ok(raw.into())
}

/// A key that signs tokens.
pub(super) struct SecretKey;

impl Check for SecretKey {
    type Value = Option<SecretString>;
    const SECRET: bool = true;

    fn read(&self, raw: &str) -> Result<Option<SecretString>, String> {
        if raw.is_empty() { Ok(None) } else { key(raw).map(Some) }
    }

    fn show(&self, value: &Option<SecretString>) -> String {
        value.as_ref().map(|_| MASK.to_owned()).unwrap_or_default()
    }

    fn accepts(&self) -> String {
        format!("At least {KEY_BYTES} bytes, no comma.")
    }
}

/// Keys that only verify tokens.
pub(super) struct SecretKeys;

impl Check for SecretKeys {
    type Value = Vec<SecretString>;
    const SECRET: bool = true;

    fn read(&self, raw: &str) -> Result<Vec<SecretString>, String> {
        list(raw, key)
    }

    fn show(&self, value: &Vec<SecretString>) -> String {
        vec![MASK; value.len()].join(",")
    }

    fn accepts(&self) -> String {
        format!("Comma-separated, each at least {KEY_BYTES} bytes.")
    }
}

/// Why a key can be guessed, if it can.
fn guessable(key: &SecretString) -> Option<&'static str> {
    let key = key.expose_secret();
    let letters: String =
        key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if PLACEHOLDERS.iter().any(|placeholder| letters.contains(placeholder)) {
        return Some("is a well-known placeholder");
    }
    let bytes = key.as_bytes();
    if bytes.iter().collect::<HashSet<_>>().len() < DIFFERENT_BYTES {
        return Some("consists of a few bytes only");
    }
    let repeats = |period: usize| bytes[period..].iter().zip(bytes).all(|(later, earlier)| later == earlier);
    if (1..=bytes.len() / 2).any(repeats) {
        return Some("repeats a shorter text");
    }
    None
}

/// Adds what is wrong between settings that are right by themselves. A rule is left out when a setting it is
/// about has a problem already, as that one holds its default here.
pub(super) fn between_settings(settings: &Settings, need: Need, problems: &mut Vec<Problem>) {
    let env = settings.app_env;
    let mut found: Vec<(&str, String)> = Vec::new();

    if env.is_deployed() && need == Need::Secret && settings.jwt_secret_key.is_none() {
        found.push(("JWT_SECRET_KEY", format!("must be set when APP_ENV is {env}")));
    }
    if env == AppEnv::Production {
        if let Some(why) = settings.jwt_secret_key.as_ref().and_then(guessable) {
            found.push(("JWT_SECRET_KEY", format!("{why}, which APP_ENV={env} refuses")));
        }
        // A key that only verifies admits a forged token just as well.
        if let Some(why) = settings.jwt_previous_secret_keys.iter().find_map(guessable) {
            found.push((
                "JWT_PREVIOUS_SECRET_KEYS",
                format!("has a key that {why}, which APP_ENV={env} refuses"),
            ));
        }
    }
    if env.is_deployed() && settings.bcrypt_rounds < DEPLOYED_BCRYPT_ROUNDS {
        found.push((
            "BCRYPT_ROUNDS",
            format!("must be at least {DEPLOYED_BCRYPT_ROUNDS} when APP_ENV is {env}"),
        ));
    }
    let database_is_wrong = problems.iter().any(|problem| problem.variable == "DATABASE_URL");
    let is_sqlite = !database_is_wrong && matches!(settings.database_url, DatabaseUrl::Sqlite(_));
    if is_sqlite && settings.migration_database_url.is_some() {
        let problem = "needs a DATABASE_URL of PostgreSQL, which it leads to by another way";
        found.push(("MIGRATION_DATABASE_URL", problem.to_owned()));
    }
    if is_sqlite && !settings.database_replica_urls.is_empty() {
        found.push((
            "DATABASE_REPLICA_URLS",
            "needs a DATABASE_URL of PostgreSQL; SQLite has no replicas".to_owned(),
        ));
    }

    for (missing, present, other) in [
        (&settings.tls_certificate_file, &settings.tls_key_file, "TLS_CERTIFICATE_FILE"),
        (&settings.tls_key_file, &settings.tls_certificate_file, "TLS_KEY_FILE"),
    ] {
        if missing.is_none() && present.is_some() {
            found.push((other, "must be set too: a certificate and its key go together".to_owned()));
        }
    }

    let entries = entries();
    for (variable, problem) in found {
        let reported = problems.iter().any(|earlier| earlier.variable == variable);
        if let Some(entry) = entries.iter().find(|entry| entry.name == variable && !reported) {
            problems.push(Problem { variable: entry.name, problem, example: entry.example });
        }
    }
    problems.sort_by_key(|problem| entries.iter().position(|entry| entry.name == problem.variable));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_key_is_not_guessable() {
        for key in [
            "uGfBZ2q4TOMk0SDqZ9bAjx3v6PsX1yQwLrE8nCtHiJo=",
            "9f86d081884c7d659a2feaa0c55ad015",
            "a3b1f0c4d2e596877869a5b4c3d2e1f0a3b1f0c4d2e59687",
            "correct horse battery staple, and some more of it",
        ] {
            assert_eq!(guessable(&key.into()), None, "{key}");
        }
    }

    #[test]
    fn a_placeholder_or_a_pattern_is_guessable() {
        for (key, why) in [
            ("change-me-to-the-output-of-openssl-rand-base64-48", "placeholder"),
            ("CHANGE_ME_CHANGE_ME_CHANGE_ME_PLEASE", "placeholder"),
            ("your-secret-key-here-make-it-long-enough", "placeholder"),
            ("abcdefghijklmnopqrstuvwxyz0123456789", "placeholder"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "few bytes"),
            ("123412341234123412341234123412341234", "few bytes"),
            ("12345678901234567890123456789012", "repeats"),
            ("0123456789abcdef0123456789abcdef", "repeats"),
        ] {
            assert!(guessable(&key.into()).is_some_and(|found| found.contains(why)), "{key}");
        }
    }

    #[test]
    fn the_examples_of_secrets_are_guessable() {
        for entry in
            entries().iter().filter(|entry| entry.name.starts_with("JWT_") && entry.default.is_empty())
        {
            assert!(guessable(&entry.example.into()).is_some(), "{}", entry.name);
        }
    }
}
