//! The rules between settings.

use groundwork_settings::Problems;
use groundwork_settings::secret::guessable;

use super::{AppEnv, DatabaseUrl, JwtAlgorithm, Settings};
use crate::domain::registration::Registration;

/// Each step below doubles the guesses per second of an attacker who has the hashes.
const DEPLOYED_BCRYPT_ROUNDS: u32 = 10;

/// Whether a command signs or verifies tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It does.
    Secret,
    /// It does not: a missing secret is no error.
    NoSecret,
}

/// Adds what is wrong between settings that are right by themselves.
pub(super) fn between_settings(settings: &Settings, need: Need, problems: &mut Problems) {
    let env = settings.app_env;
    if env.is_deployed() && need == Need::Secret && settings.jwt_secret_key.is_none() {
        problems.add("JWT_SECRET_KEY", format!("must be set when APP_ENV is {env}"));
    }
    if env == AppEnv::Production {
        if let Some(why) = settings.jwt_secret_key.as_ref().and_then(guessable) {
            problems.add("JWT_SECRET_KEY", format!("{why}, which APP_ENV={env} refuses"));
        }
        // A forged token is accepted just as well with a key that only verifies.
        if let Some(why) = settings.jwt_previous_secret_keys.iter().find_map(guessable) {
            problems.add(
                "JWT_PREVIOUS_SECRET_KEYS",
                format!("has a key that {why}, which APP_ENV={env} refuses"),
            );
        }
    }
    if env.is_deployed() && settings.bcrypt_rounds < DEPLOYED_BCRYPT_ROUNDS {
        let problem = format!("must be at least {DEPLOYED_BCRYPT_ROUNDS} when APP_ENV is {env}");
        problems.add("BCRYPT_ROUNDS", problem);
    }
    keys(settings, problems);
    mail(settings, problems);
    // A wrong DATABASE_URL holds its default here, which is SQLite.
    let is_sqlite = !problems.has("DATABASE_URL") && matches!(settings.database_url, DatabaseUrl::Sqlite(_));
    if is_sqlite && settings.migration_database_url.is_some() {
        let problem = "needs a DATABASE_URL of PostgreSQL, which it leads to by another way";
        problems.add("MIGRATION_DATABASE_URL", problem);
    }
    if is_sqlite && !settings.database_replica_urls.is_empty() {
        let problem = "needs a DATABASE_URL of PostgreSQL; SQLite has no replicas";
        problems.add("DATABASE_REPLICA_URLS", problem);
    }
    for (missing, present, other) in [
        (&settings.tls_certificate_file, &settings.tls_key_file, "TLS_CERTIFICATE_FILE"),
        (&settings.tls_key_file, &settings.tls_certificate_file, "TLS_KEY_FILE"),
    ] {
        if missing.is_none() && present.is_some() {
            problems.add(other, "must be set too: a certificate and its key go together");
        }
    }
}

/// A private key and an algorithm that uses it go together.
fn keys(settings: &Settings, problems: &mut Problems) {
    let has_file = settings.jwt_private_key_file.is_some();
    match settings.jwt_algorithm {
        JwtAlgorithm::Hs256 if has_file => {
            let problem =
                "signs no token with JWT_ALGORITHM=HS256: choose ES256 or EdDSA, or leave the file out";
            problems.add("JWT_PRIVATE_KEY_FILE", problem);
        }
        JwtAlgorithm::PrivateKey(algorithm) if !has_file && !problems.has("JWT_PRIVATE_KEY_FILE") => {
            let problem = format!("must be set when JWT_ALGORITHM is {}", algorithm.name());
            problems.add("JWT_PRIVATE_KEY_FILE", problem);
        }
        _ => {}
    }
}

/// What mail needs, and what needs mail.
fn mail(settings: &Settings, problems: &mut Problems) {
    let env = settings.app_env;
    if settings.smtp_url.is_some() && settings.mail_from.is_none() && !problems.has("MAIL_FROM") {
        problems.add("MAIL_FROM", "must be set too: SMTP_URL sends mails from it");
    }
    if problems.has("SMTP_URL") || settings.mail_tier().is_some() {
        return;
    }
    // Of SMTP_URL, so that the example is what is missing.
    let problem = |users: &str| format!("must be set when APP_ENV is {env}: {users} mail");
    match (settings.registration == Registration::Hidden, settings.require_verified_email) {
        (true, true) => {
            problems.add("SMTP_URL", problem("REGISTRATION=hidden and REQUIRE_VERIFIED_EMAIL=true need"));
        }
        (true, false) => problems.add("SMTP_URL", problem("REGISTRATION=hidden needs")),
        (false, true) => problems.add("SMTP_URL", problem("REQUIRE_VERIFIED_EMAIL=true needs")),
        (false, false) => {}
    }
}
