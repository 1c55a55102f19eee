//! A copy of the SQLite file, made while the service writes.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};

use super::connect::SQLITE_BUSY_TIMEOUT_MS;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no database at {0}")]
    Missing(PathBuf),
    /// The copy cannot be written; a file that is there is never replaced.
    #[error("cannot write {0}")]
    Unwritable(PathBuf, #[source] io::Error),
    /// The database cannot be opened.
    #[error("cannot open {0}")]
    Unreadable(PathBuf, #[source] diesel::ConnectionError),
    /// SQLite gave up.
    #[error("the database could not be copied")]
    Failed(#[from] diesel::result::Error),
}

/// Copies the database as it is at one moment into a new file that only its owner can read. Nobody waits for it: who writes
/// meanwhile writes on. What is there afterwards is on the disk.
///
/// # Errors
/// [`BackupError`]; no file is left behind then.
pub fn run(database: &Path, copy: &Path) -> Result<(), BackupError> {
    // SQLite would make an empty one.
    if !database.exists() {
        return Err(BackupError::Missing(database.to_owned()));
    }
    let unwritable = |error| BackupError::Unwritable(copy.to_owned(), error);
    // SQLite itself would make it readable for everybody; it takes a file that is empty.
    let file = File::options().write(true).create_new(true).mode(0o600).open(copy).map_err(unwritable)?;
    let copied = copy_into(database, copy).and_then(|()| settle(&file, copy).map_err(unwritable));
    if copied.is_err() {
        // It may be half a copy, which somebody could take for a whole one.
        let _ = fs::remove_file(copy);
    }
    copied
}

/// SQLite leaves it to the system when the copy and its name reach the disk.
fn settle(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn copy_into(database: &Path, copy: &Path) -> Result<(), BackupError> {
    let mut connection = SqliteConnection::establish(&database.to_string_lossy())
        .map_err(|error| BackupError::Unreadable(database.to_owned(), error))?;
    connection.batch_execute(&format!("PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}"))?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(copy.to_string_lossy()).execute(&mut connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_replaces_nothing_and_leaves_nothing_behind_when_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let [database, copy, text] = ["database", "copy", "text"].map(|name| folder.path().join(name));
        assert!(matches!(run(&database, &copy), Err(BackupError::Missing(_))));
        assert!(!database.exists() && !copy.exists());

        fs::write(
            &text,
            "no database, and longer than a header of one is, so that nobody takes it for new ".repeat(9),
        )
        .unwrap();
        assert!(matches!(run(&text, &copy), Err(BackupError::Failed(_))));
        assert!(!copy.exists());

        let mut connection = SqliteConnection::establish(&database.to_string_lossy()).unwrap();
        connection.batch_execute("CREATE TABLE t (x)").unwrap();
        fs::write(&copy, "somebody's").unwrap();
        assert!(matches!(run(&database, &copy), Err(BackupError::Unwritable(..))));
        assert_eq!(fs::read_to_string(&copy).unwrap(), "somebody's");
    }
}
