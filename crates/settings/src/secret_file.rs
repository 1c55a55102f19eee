//! A random key that a machine makes for itself and keeps in a file, so that what it signs outlives
//! a restart.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use groundwork_files::{self as files, Mode};
use secrecy::SecretString;
use thiserror::Error;

use crate::secret::MIN_KEY_BYTES;

/// The largest key file in bytes, which is more than any key needs.
const FILE_LIMIT: u64 = 4_096;

/// Why a file provides no signing key.
#[derive(Debug, Error)]
pub enum SecretFileError {
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
    /// Other users of the machine can read or write the file.
    #[error("the signing key in {path} is open to other users (mode {mode}): chmod 600 it, or delete it for a new key", path = .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: Mode,
    },
    /// The file belongs to another user, who may know the key.
    #[error("the signing key in {path} belongs to another user: delete it for a new one", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no usable key.
    #[error("{path} holds no signing key of at least {MIN_KEY_BYTES} bytes: delete it for a new one", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The operating system provided no random bytes.
    #[error("cannot make a random signing key")]
    NoRandomness,
}

/// The signing key in a file that only its owner can read, and whether this call created it with a
/// random key.
///
/// # Errors
/// If the file cannot be used. An unusable file is never replaced.
pub fn read_or_create_secret(path: &Path) -> Result<(SecretString, bool), SecretFileError> {
    if let Some(key) = read(path)? {
        return Ok((key, false));
    }
    let key = STANDARD.encode(random()?);
    let Err(source) = create(path, &key) else { return Ok((key.into(), true)) };
    // Another process created it meanwhile: two keys would refuse each other's tokens.
    if source.kind() == io::ErrorKind::AlreadyExists
        && let Some(key) = read(path)?
    {
        return Ok((key, false));
    }
    Err(SecretFileError::Io { action: "write", path: path.to_owned(), source })
}

/// The key in a file; `None` if there is no file.
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
    if key.len() < MIN_KEY_BYTES { Err(damaged()) } else { Ok(Some(key.into())) }
}

/// Creates the file with a key. The key is written under another name and then linked, which fails
/// if the name is taken: no reader ever sees half a key, and a crash leaves none behind.
fn create(path: &Path, key: &str) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    // Ends as the file does, which version control is told to ignore.
    let extension = path.extension().unwrap_or_default().display();
    let random = URL_SAFE_NO_PAD.encode(random().map_err(io::Error::other)?);
    unfinished.push(format!(".{random}.{extension}"));
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
    // It may not exist. If it stays, it holds a key that nothing uses.
    let _ = fs::remove_file(&unfinished);
    written
}

fn random() -> Result<[u8; MIN_KEY_BYTES], SecretFileError> {
    let mut bytes = [0; MIN_KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| SecretFileError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
