//! The signing key a developer's machine makes for itself, so that `cargo run` works with nothing set and tokens
//! outlive a restart.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::SecretString;
use thiserror::Error;

use super::rules::KEY_BYTES;
use super::table::Settings;
use super::{AppEnv, DatabaseUrl};
use crate::core::files::{self, Mode};

/// More than any key; a larger file is not one.
const FILE_LIMIT: u64 = 4_096;
/// The end of the file's name, which version control and container builds are told to ignore.
const SUFFIX: &str = ".jwt-secret";

/// Why there is no key to sign tokens with.
#[derive(Debug, Error)]
pub enum SecretFileError {
    /// Only development makes its own.
    #[error("JWT_SECRET_KEY must be set when APP_ENV is {0}")]
    Missing(AppEnv),
    /// The file cannot be read or written.
    #[error("cannot {action} the signing key in {path}: {source}", path = .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Other users of the machine can read the file.
    #[error("the signing key in {path} is open to other users (mode {mode}): chmod 600 it, or delete it for a new key", path = .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: Mode,
    },
    /// Another user made the file, and may know the key in it.
    #[error("the signing key in {path} belongs to another user: delete it for a new one", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no usable key.
    #[error("{path} holds no signing key of at least {KEY_BYTES} bytes: delete it for a new one", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes.
    #[error("cannot make a random signing key")]
    NoRandomness,
}

impl Settings {
    /// The key that signs tokens. Without `JWT_SECRET_KEY`, development keeps a random one in a file beside the
    /// SQLite file, or in the working directory with PostgreSQL; the path is given when the file was made by this
    /// call, so that the caller can say so.
    pub fn resolve_jwt_secret(&self) -> Result<(SecretString, Option<PathBuf>), SecretFileError> {
        if let Some(key) = &self.jwt_secret_key {
            return Ok((key.clone(), None));
        }
        if self.app_env.is_deployed() {
            return Err(SecretFileError::Missing(self.app_env));
        }
        let path = match &self.database_url {
            DatabaseUrl::Sqlite(path) => with_suffix(path, SUFFIX),
            DatabaseUrl::Postgres(_) => with_suffix(Path::new("groundwork"), SUFFIX),
        };
        read_or_make(path)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read_or_make(path: PathBuf) -> Result<(SecretString, Option<PathBuf>), SecretFileError> {
    if let Some(key) = read(&path)? {
        return Ok((key, None));
    }
    let key = STANDARD.encode(random()?);
    match publish(&path, &key) {
        Ok(()) => Ok((key.into(), Some(path))),
        // Another process made it in between: two keys would refuse each other's tokens.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match read(&path)? {
            Some(key) => Ok((key, None)),
            None => Err(SecretFileError::Io { action: "write", path, source: error }),
        },
        Err(source) => Err(SecretFileError::Io { action: "write", path, source }),
    }
}

/// The key in a file, if there is the file.
fn read(path: &Path) -> Result<Option<SecretString>, SecretFileError> {
    let failed = |source| SecretFileError::Io { action: "read", path: path.to_owned(), source };
    let (file, metadata) = match files::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !files::has_trusted_owner(&metadata) {
        return Err(SecretFileError::Foreign { path: path.to_owned() });
    }
    let mode = Mode::of(&metadata);
    if !mode.is_private() {
        return Err(SecretFileError::Exposed { path: path.to_owned(), mode });
    }
    let damaged = || SecretFileError::Damaged { path: path.to_owned() };
    if metadata.len() > FILE_LIMIT {
        return Err(damaged());
    }
    let mut text = String::new();
    file.take(FILE_LIMIT).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => damaged(),
        _ => failed(error),
    })?;
    let key = text.trim();
    if key.len() < KEY_BYTES { Err(damaged()) } else { Ok(Some(key.into())) }
}

/// Writes a key where there is none. It is written under another name and then linked, which fails if the name is
/// taken: no reader ever sees half a key, nor does a crash leave one behind.
fn publish(path: &Path, key: &str) -> io::Result<()> {
    let unfinished = with_suffix(
        path,
        &format!(".{}{SUFFIX}", URL_SAFE_NO_PAD.encode(random().map_err(io::Error::other)?)),
    );
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            writeln!(file, "{key}")?;
            file.sync_all()
        })
        .and_then(|()| fs::hard_link(&unfinished, path));
    // It may not exist; if it does and stays, it is a key that nothing uses.
    let _ = fs::remove_file(&unfinished);
    written
}

fn random() -> Result<[u8; KEY_BYTES], SecretFileError> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| SecretFileError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
