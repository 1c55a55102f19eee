//! Keys in files, which may be renewed while the process runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use groundwork_files::{self as files, Exposed};
use parking_lot::Mutex;
use secrecy::SecretString;

use crate::keys::{InvalidKey, Key, KeyAlgorithm, KeySet};

/// The files are checked for changes at most this often, and only when a token is signed or
/// verified.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Paths of private keys in PKCS #8, as PEM. New content is used for the tokens that follow; while
/// it cannot be used, the previous keys stay in use and the reason is logged.
#[derive(Clone, Debug, Default)]
pub struct KeyFiles {
    /// Signs and verifies; without it, a secret does.
    pub current: Option<(KeyAlgorithm, PathBuf)>,
    /// Only verify: keep a key here until the last token that it signed has expired, and before it
    /// signs the first one. A file has any number of keys.
    pub previous: Vec<PathBuf>,
}

/// A file with a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("cannot read the key for tokens in {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// Every user of the machine may write it.
    #[error("the key for tokens cannot be used")]
    Exposed(#[source] Exposed),
    /// It has no key that can sign tokens.
    #[error("the key for tokens in {} cannot be used", .0.display())]
    Invalid(PathBuf, #[source] InvalidKey),
}

/// What verifies besides files.
pub(crate) struct Secrets {
    pub domain: &'static str,
    /// Signs if no file does.
    pub current: SecretString,
    pub previous: Vec<SecretString>,
}

/// Where the keys come from.
pub(crate) enum KeySource {
    Fixed(Arc<KeySet>),
    Files(Mutex<Reloading>),
}

pub(crate) struct Reloading {
    files: KeyFiles,
    secrets: Secrets,
    keys: Arc<KeySet>,
    modified: Vec<Option<SystemTime>>,
    checked_at: Instant,
}

impl KeySource {
    pub fn new(secrets: Secrets, files: KeyFiles) -> Result<Self, KeyFileError> {
        if files.current.is_none() && files.previous.is_empty() {
            return Ok(Self::fixed(&secrets));
        }
        let (modified, checked_at) = (files.modification_times(), Instant::now());
        let keys = Arc::new(load(&files, &secrets)?);
        Ok(Self::Files(Mutex::new(Reloading { files, secrets, keys, modified, checked_at })))
    }

    pub fn fixed(secrets: &Secrets) -> Self {
        let key = |secret| Key::from_secret(secrets.domain, secret);
        let previous = secrets.previous.iter().map(key);
        Self::Fixed(Arc::new(KeySet::new(key(&secrets.current), previous)))
    }

    /// The newest usable keys.
    pub fn keys(&self) -> Arc<KeySet> {
        match self {
            Self::Fixed(keys) => Arc::clone(keys),
            Self::Files(reloading) => {
                let mut reloading = reloading.lock();
                if reloading.checked_at.elapsed() >= CHECK_INTERVAL {
                    reloading.check();
                }
                Arc::clone(&reloading.keys)
            }
        }
    }
}

impl Reloading {
    pub fn check(&mut self) {
        self.checked_at = Instant::now();
        let modified = self.files.modification_times();
        if modified == self.modified {
            return;
        }
        self.modified = modified;
        match load(&self.files, &self.secrets) {
            Ok(keys) => {
                self.keys = Arc::new(keys);
                tracing::info!("the keys for tokens were renewed");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the new keys for tokens cannot be used");
            }
        }
    }
}

impl KeyFiles {
    fn modification_times(&self) -> Vec<Option<SystemTime>> {
        let paths = self.current.iter().map(|(_, path)| path).chain(&self.previous);
        paths.map(|path| path.metadata().and_then(|file| file.modified()).ok()).collect()
    }
}

fn load(files: &KeyFiles, secrets: &Secrets) -> Result<KeySet, KeyFileError> {
    let invalid = |path: &Path| {
        let path = path.to_owned();
        move |error| KeyFileError::Invalid(path, error)
    };
    let current = match &files.current {
        Some((algorithm, path)) => {
            let key = Key::from_pem(&read(path)?).and_then(|key| key.expecting(*algorithm));
            key.map_err(invalid(path))?
        }
        None => Key::from_secret(secrets.domain, &secrets.current),
    };
    let mut previous = Vec::new();
    for path in &files.previous {
        previous.extend(Key::all_from_pem(&read(path)?).map_err(invalid(path))?);
    }
    previous.extend(secrets.previous.iter().map(|secret| Key::from_secret(secrets.domain, secret)));
    Ok(KeySet::new(current, previous))
}

fn read(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable(path.to_owned(), error);
    let (content, mode) = files::read(path).map_err(unreadable)?;
    if mode.lets_others_write() {
        return Err(KeyFileError::Exposed(Exposed { path: path.to_owned(), mode }));
    }
    if mode.lets_others_read() {
        // Kubernetes mounts secrets with mode 644 by default, in a container without other users.
        tracing::warn!(
            path = %path.display(),
            %mode,
            "every user of this machine can read the key for tokens: chmod o-rwx it"
        );
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use tempfile::TempDir;

    use super::*;

    fn pem(algorithm: KeyAlgorithm) -> String {
        let random = SystemRandom::new();
        let document = match algorithm {
            KeyAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            KeyAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&random),
        };
        let der = STANDARD.encode(document.unwrap());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    }

    fn secrets() -> Secrets {
        Secrets { domain: "groundwork", current: "a secret".into(), previous: Vec::new() }
    }

    fn ids(source: &KeySource) -> Vec<String> {
        source.keys().public_keys().into_iter().map(|key| key.id).collect()
    }

    fn check(source: &KeySource) {
        let KeySource::Files(reloading) = source else { panic!("the keys are in files") };
        // As if a file that was written within one tick of the clock were older.
        reloading.lock().modified.clear();
        reloading.lock().check();
    }

    fn write(folder: &TempDir, name: &str, content: &str) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn new_keys_are_used_once_they_can_be() {
        for algorithm in [KeyAlgorithm::Es256, KeyAlgorithm::EdDsa] {
            let folder = tempfile::tempdir().unwrap();
            let [one, two] = [pem(algorithm), pem(algorithm)];
            let current = write(&folder, "current.pem", &one);
            let previous = write(&folder, "previous.pem", "");
            let files = KeyFiles { current: Some((algorithm, current)), previous: vec![previous] };
            let source = KeySource::new(secrets(), files).unwrap();
            let first = ids(&source);
            assert_eq!(first.len(), 1);
            for unusable in ["", "no key", &pem(KeyAlgorithm::Es256)[..80]] {
                write(&folder, "current.pem", unusable);
                check(&source);
                assert_eq!(ids(&source), first);
            }
            write(&folder, "current.pem", &one);
            write(&folder, "previous.pem", &format!("{one}{two}"));
            check(&source);
            assert_eq!(ids(&source).len(), 2);
            write(&folder, "current.pem", &two);
            check(&source);
            let both = ids(&source);
            assert_eq!((both.len(), &both[1]), (2, &first[0]));
            write(&folder, "previous.pem", "");
            check(&source);
            assert_eq!(ids(&source), both[..1]);
        }
    }

    #[test]
    fn a_key_of_another_algorithm_and_one_that_others_may_write_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "key.pem", &pem(KeyAlgorithm::EdDsa));
        let source = |algorithm| {
            let files = KeyFiles { current: Some((algorithm, path.clone())), previous: Vec::new() };
            KeySource::new(secrets(), files).map(drop)
        };
        assert!(source(KeyAlgorithm::EdDsa).is_ok());
        assert!(matches!(source(KeyAlgorithm::Es256), Err(KeyFileError::Invalid(..))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(source(KeyAlgorithm::EdDsa), Err(KeyFileError::Exposed(_))));
        fs::remove_file(&path).unwrap();
        assert!(matches!(source(KeyAlgorithm::EdDsa), Err(KeyFileError::Unreadable(..))));
    }
}
