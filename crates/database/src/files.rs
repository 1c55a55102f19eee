//! Permissions of a SQLite database's files.

use std::path::{Path, PathBuf};

use groundwork_files::{Exposed, Mode};

use crate::error::DbError;

/// The suffix of the file that is locked while a process migrates.
pub(crate) const MIGRATION_LOCK: &str = ".migration-lock";

/// Suffixes of the files that SQLite and the migrations keep.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", MIGRATION_LOCK];

/// Refuses a database that every user of the machine may change and, with `strictly`, one that
/// every user may read. Without `strictly`, this is a warning in the log. Missing files pass: they
/// will be created private.
///
/// # Errors
/// [`DbError::Exposed`]; [`DbError::Unavailable`] for what is not a file.
pub fn check(database: &Path, strictly: bool) -> Result<(), DbError> {
    for suffix in SUFFIXES {
        let path = beside(database, suffix);
        let mode = Mode::at(&path).map_err(|error| DbError::cannot_open(&path, &error))?;
        let Some(mode) = mode else { continue };
        let exposed = Exposed { path: path.clone(), mode };
        if mode.lets_others_write() || (strictly && mode.lets_others_read()) {
            return Err(DbError::Exposed(exposed));
        }
        if mode.lets_others_read() {
            tracing::warn!(path = %path.display(), %mode, "every user of this machine can read the database: chmod 600 it");
        }
    }
    Ok(())
}

/// The file whose name is that of the database with a suffix.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_database_that_others_may_change_is_refused_and_one_they_may_read_where_it_is_deployed() {
        let folder = tempfile::tempdir().unwrap();
        let [database, link] = ["a.db", "link.db"].map(|name| folder.path().join(name));
        assert!(check(&database, true).is_ok(), "it is made private");
        fs::write(&database, "").unwrap();
        symlink(&database, &link).unwrap();
        for (mode, relaxed, strict) in [
            (0o600, true, true),
            (0o640, true, true),
            (0o660, true, true),
            (0o644, true, false),
            (0o666, false, false),
            (0o602, false, false),
        ] {
            fs::set_permissions(&database, Permissions::from_mode(mode)).unwrap();
            for path in [&database, &link] {
                let found = [false, true].map(|strictly| check(path, strictly).is_ok());
                assert_eq!(found, [relaxed, strict], "{mode:o} {}", path.display());
            }
        }
    }

    #[test]
    fn so_is_what_lies_beside_it_and_a_pipe_is_no_database() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("a.db");
        for suffix in &SUFFIXES[1..] {
            let beside = folder.path().join(format!("a.db{suffix}"));
            fs::write(&beside, "").unwrap();
            fs::set_permissions(&beside, Permissions::from_mode(0o666)).unwrap();
            assert!(matches!(check(&database, false), Err(DbError::Exposed(_))), "{suffix}");
            fs::remove_file(&beside).unwrap();
        }
        assert!(std::process::Command::new("mkfifo").arg(&database).status().unwrap().success());
        assert!(matches!(check(&database, false), Err(DbError::Unavailable(_))));
    }
}
