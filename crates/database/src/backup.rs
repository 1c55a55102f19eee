//! Copies a SQLite database while it is written to.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use diesel::RunQueryDsl as _;
use diesel::sql_types::Text;
use groundwork_files::Mode;

use crate::sqlite;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no database at {0}")]
    Missing(PathBuf),
    /// The copy cannot be written; an existing file is never replaced.
    #[error("cannot write {0}")]
    Unwritable(PathBuf, #[source] io::Error),
    /// SQLite takes names in UTF-8 only.
    #[error("the name {0} is not UTF-8")]
    NotUtf8(PathBuf),
    /// SQLite reports success, but the copy is empty or no database.
    #[error("what was written to {0} is not a database")]
    NotADatabase(PathBuf),
    /// The database cannot be opened.
    #[error("cannot open {0}")]
    Unreadable(PathBuf, #[source] diesel::ConnectionError),
    /// SQLite gave up.
    #[error("the database could not be copied")]
    Failed(#[from] diesel::result::Error),
}

/// Copies the database as it is at one moment into a new file that only its owner can read. Writers
/// do not wait for it. When this returns, the copy is on the disk.
///
/// # Errors
/// [`BackupError`]; none leaves a file behind.
pub fn run(database: &Path, copy: &Path) -> Result<(), BackupError> {
    // SQLite would create an empty one.
    if !database.exists() {
        return Err(BackupError::Missing(database.to_owned()));
    }
    let unwritable = |error| BackupError::Unwritable(copy.to_owned(), error);
    let [from, to] = [database, copy].map(absolute);
    let (from, to) = (from?, to?);
    // SQLite would make it world-readable; it accepts an empty file.
    let file =
        File::options().read(true).write(true).create_new(true).mode(0o600).open(copy).map_err(unwritable)?;
    let copied = copy_into(&from, &to)
        .and_then(|()| check(&file, copy))
        .and_then(|()| settle(&file, copy).map_err(unwritable));
    if copied.is_err() {
        // It may be half a copy, which must not pass for a whole one.
        let _ = fs::remove_file(copy);
    }
    copied
}

/// A name that SQLite takes for a path: one that begins with `file:` would be a URI.
fn absolute(path: &Path) -> Result<String, BackupError> {
    let absolute =
        std::path::absolute(path).map_err(|error| BackupError::Unwritable(path.to_owned(), error))?;
    absolute.into_os_string().into_string().map_err(|_| BackupError::NotUtf8(path.to_owned()))
}

/// Checks that SQLite wrote to the file that was created before: a database that only its owner can
/// read.
fn check(mut file: &File, path: &Path) -> Result<(), BackupError> {
    /// How every SQLite database begins (Database File Format, 1.3).
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut beginning = [0; MAGIC.len()];
    let is_database = file.read_exact(&mut beginning).is_ok() && beginning == *MAGIC;
    let is_private = file.metadata().is_ok_and(|metadata| Mode::of(&metadata).is_private());
    if is_database && is_private { Ok(()) } else { Err(BackupError::NotADatabase(path.to_owned())) }
}

/// Waits until the copy and its name are on the disk, which SQLite does not.
fn settle(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn copy_into(database: &str, copy: &str) -> Result<(), BackupError> {
    let mut connection =
        sqlite::open(database).map_err(|error| BackupError::Unreadable(database.into(), error))?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(copy).execute(&mut connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};

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
    #[test]
    fn a_name_that_sqlite_would_read_as_an_address_is_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("database");
        let mut connection = SqliteConnection::establish(&database.to_string_lossy()).unwrap();
        connection.batch_execute("CREATE TABLE t (x)").unwrap();
        // Relative names are the command line's; see the test of the command.
        for name in ["file:b9", "file:b9?mode=memory", ":memory:", "a b%20c"] {
            let copy = folder.path().join(name);
            run(&database, &copy).unwrap();
            assert!(fs::read(&copy).unwrap().starts_with(b"SQLite format 3"), "{name}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "nothing is written elsewhere");
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_refused_and_not_changed() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("database");
        fs::write(&database, "").unwrap();
        let copy = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
        assert!(matches!(run(&database, &copy), Err(BackupError::NotUtf8(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
