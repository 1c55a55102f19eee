//! A random key that a machine makes for itself and keeps in a file, so that what it signs outlives
//! a restart.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use groundwork_files::{self as files, Mode};
use secrecy::SecretString;
use thiserror::Error;

use crate::secret::MIN_KEY_BYTES;

/// The largest key file in bytes, which is more than any key needs.
const FILE_LIMIT: u64 = 4_096;

/// Why a file provides no signing key.
#[derive(Debug, Error)]
pub enum SecretFileError {
    /// What was tried with the file, as a verb, and why it failed.
    #[error("cannot {0} the signing key in {path}: {2}", path = .1.display())]
    Io(&'static str, PathBuf, #[source] io::Error),
    /// Other users of the machine can read or write the file.
    #[error("the signing key in {path} is open to other users (mode {1}): chmod 600 it, or delete it for a new key", path = .0.display())]
    Exposed(PathBuf, Mode),
    /// The file belongs to another user, who may know the key.
    #[error("the signing key in {path} belongs to another user: delete it for a new one", path = .0.display())]
    Foreign(PathBuf),
    /// The file holds no usable key.
    #[error("{path} holds no signing key of at least {MIN_KEY_BYTES} bytes: delete it for a new one", path = .0.display())]
    Damaged(PathBuf),
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
    let mut random = [0; MIN_KEY_BYTES];
    getrandom::fill(&mut random).map_err(|_| SecretFileError::NoRandomness)?;
    let key = STANDARD.encode(random);
    let Err(source) = create(path, &key) else { return Ok((key.into(), true)) };
    // Another process created it meanwhile: two keys would refuse each other's tokens.
    if source.kind() == io::ErrorKind::AlreadyExists
        && let Some(key) = read(path)?
    {
        return Ok((key, false));
    }
    Err(SecretFileError::Io("write", path.to_owned(), source))
}

/// The key in a file; `None` if there is no file.
fn read(path: &Path) -> Result<Option<SecretString>, SecretFileError> {
    let failed = |source| SecretFileError::Io("read", path.to_owned(), source);
    let (file, metadata) = match files::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if !files::has_trusted_owner(&metadata) {
        return Err(SecretFileError::Foreign(path.to_owned()));
    }
    let mode = Mode::of(&metadata);
    if !mode.is_private() {
        return Err(SecretFileError::Exposed(path.to_owned(), mode));
    }
    let damaged = || SecretFileError::Damaged(path.to_owned());
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

/// Creates the file with a key. The key is written under another name and then moved, which fails
/// if the name is taken: no reader ever sees half a key, and a crash leaves none behind.
fn create(path: &Path, key: &str) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    // Its name ends as the file's does, which version control is told to ignore. Its mode is 600.
    let suffix = path.extension().map(|extension| format!(".{}", extension.display())).unwrap_or_default();
    let mut file =
        tempfile::Builder::new().suffix(&suffix).tempfile_in(directory.unwrap_or(Path::new(".")))?;
    writeln!(file, "{key}")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(io::Error::from)
}

#[cfg(test)]
mod tests;
