//! What signs tokens. A developer's machine makes a secret for itself, so that `cargo run` works with
//! nothing set and tokens outlive a restart.

use std::path::PathBuf;

use groundwork_auth::{KeyAlgorithm, KeyFiles};
use groundwork_settings::{SecretFileError, read_or_create_secret};
use secrecy::SecretString;

use super::{AppEnv, DatabaseUrl, Settings};

/// Version control and container builds are told to ignore files with this suffix.
const SUFFIX: &str = ".jwt-secret";

/// The algorithm that signs tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256, with a secret.
    Hs256,
    /// With a private key.
    PrivateKey(KeyAlgorithm),
}

impl JwtAlgorithm {
    pub(super) const NAMES: &'static [(&'static str, Self)] = &[
        ("HS256", Self::Hs256),
        ("ES256", Self::PrivateKey(KeyAlgorithm::Es256)),
        ("EdDSA", Self::PrivateKey(KeyAlgorithm::EdDsa)),
    ];
}

/// Why there is no key to sign tokens with.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// Only development makes its own.
    #[error("JWT_SECRET_KEY must be set when APP_ENV is {0}")]
    Missing(AppEnv),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
}

impl Settings {
    /// The files with keys for tokens.
    pub fn key_files(&self) -> KeyFiles {
        let current = match self.jwt_algorithm {
            JwtAlgorithm::Hs256 => None,
            JwtAlgorithm::PrivateKey(algorithm) => {
                self.jwt_private_key_file.clone().map(|path| (algorithm, path))
            }
        };
        KeyFiles { current, previous: self.jwt_previous_private_key_files.clone() }
    }

    /// The key that signs tokens. Without `JWT_SECRET_KEY`, development keeps a random one in a
    /// file beside the SQLite file, or in the working directory with PostgreSQL.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn signing_key(&self) -> Result<SecretString, SigningKeyError> {
        let (key, created) = self.resolve_signing_key()?;
        if let Some(path) = created {
            tracing::info!(path = %path.display(), "made a key for tokens, for development only: set JWT_SECRET_KEY elsewhere");
        }
        Ok(key)
    }

    /// The key, and the path of its file if this call created it.
    fn resolve_signing_key(&self) -> Result<(SecretString, Option<PathBuf>), SigningKeyError> {
        if let Some(key) = &self.jwt_secret_key {
            return Ok((key.clone(), None));
        }
        if self.app_env.is_deployed() {
            return Err(SigningKeyError::Missing(self.app_env));
        }
        let path = self.key_file();
        let (key, is_new) = read_or_create_secret(&path)?;
        Ok((key, is_new.then_some(path)))
    }

    fn key_file(&self) -> PathBuf {
        let mut name = match &self.database_url {
            DatabaseUrl::Sqlite(path) => path.clone().into_os_string(),
            DatabaseUrl::Postgres(_) => "groundwork".into(),
        };
        name.push(SUFFIX);
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;

    fn settings(directory: &TempDir, more: &[(&str, &str)]) -> Settings {
        let database = format!("sqlite://{}", directory.path().join("test.db").display());
        Settings::from_lookup(|name| match name {
            "DATABASE_URL" => Some(database.clone()),
            _ => more.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        })
        .unwrap()
    }

    #[test]
    fn development_makes_a_key_once_and_keeps_it_private() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(&directory, &[]);
        let (first, made) = settings.resolve_signing_key().unwrap();
        assert_eq!(made, Some(directory.path().join("test.db.jwt-secret")));
        let (second, made) = settings.resolve_signing_key().unwrap();
        assert_eq!((second.expose_secret(), made), (first.expose_secret(), None));
    }

    #[test]
    fn a_key_that_is_set_is_used_and_no_file_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let key = "Zq8v1LxT0cWm5RjYb3KdN9sEuHf2AoGi";
        let settings = settings(&directory, &[("JWT_SECRET_KEY", key), ("APP_ENV", "production")]);
        let (found, made) = settings.resolve_signing_key().unwrap();
        assert_eq!((found.expose_secret(), made), (key, None));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_development_makes_a_key() {
        let directory = tempfile::tempdir().unwrap();
        for env in [AppEnv::Staging, AppEnv::Production] {
            let settings = Settings { app_env: env, ..settings(&directory, &[]) };
            let error = settings.resolve_signing_key().unwrap_err();
            assert_eq!(error.to_string(), format!("JWT_SECRET_KEY must be set when APP_ENV is {env}"));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn with_postgres_the_key_is_in_the_working_directory() {
        let url = |url: &str| Settings::from_lookup(|name| (name == "DATABASE_URL").then(|| url.to_owned()));
        let file = |raw: &str| url(raw).unwrap().key_file();
        assert_eq!(file("postgres://u@h/d"), Path::new("groundwork.jwt-secret"));
        assert_eq!(file("sqlite:///data/g.db"), Path::new("/data/g.db.jwt-secret"));
    }
}
