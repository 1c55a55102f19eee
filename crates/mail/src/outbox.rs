//! Mails as files, for development: no server is needed to read them.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use crate::error::SendError;

/// Only the owner enters the folder: mails have links that work like passwords.
const FOLDER_MODE: u32 = 0o700;

/// A folder of mails.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    pub(crate) folder: PathBuf,
}

impl Outbox {
    /// Writes a mail, replacing one with the same id, and returns its file.
    pub(crate) async fn write(&self, id: &str, mail: Vec<u8>) -> Result<PathBuf, SendError> {
        let (folder, path) = (self.folder.clone(), self.folder.join(format!("{id}.eml")));
        let task = spawn_blocking(move || write(&folder, &path, &mail).map(|()| path));
        task.await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(SendError::File)
    }
}

fn write(folder: &Path, path: &Path, mail: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    // With mode 600, and under its name only when it is complete.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(mail)?;
    file.persist(path)?;
    Ok(())
}
