//! The files of the repository, by git.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// A working tree.
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The regular files that git does not ignore, in the order of their paths.
    pub fn files(&self) -> io::Result<Vec<String>> {
        let listed = self.git(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        let files = listed.split('\0').filter(|path| !path.is_empty());
        let is_file =
            |path: &&str| self.root.join(path).symlink_metadata().is_ok_and(|found| found.is_file());
        Ok(files.filter(is_file).map(str::to_owned).collect())
    }

    /// Whether git sees a change that is not committed, or a file that it neither tracks nor
    /// ignores.
    pub fn is_dirty(&self) -> io::Result<bool> {
        Ok(!self.git(&["status", "--porcelain"])?.is_empty())
    }

    /// The text of a file; none for a binary file.
    pub fn text(&self, path: &str) -> io::Result<Option<String>> {
        let text = String::from_utf8(fs::read(self.root.join(path))?).ok();
        Ok(text.filter(|text| !text.contains('\0')))
    }

    /// Writes a file and keeps its mode.
    pub fn write(&self, path: &str, text: &str) -> io::Result<()> {
        fs::write(self.root.join(path), text)
    }

    /// Moves a file, and removes the folders that this empties.
    pub fn move_file(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.root.join(from), self.root.join(to));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(&from, to)?;
        remove_empty_folders(&from);
        Ok(())
    }

    /// Deletes a file, and removes the folders that this empties.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        let path = self.root.join(path);
        fs::remove_file(&path)?;
        remove_empty_folders(&path);
        Ok(())
    }

    fn git(&self, arguments: &[&str]) -> io::Result<String> {
        let output = Command::new("git").arg("-C").arg(&self.root).args(arguments).output()?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("git {}: {}", arguments.join(" "), error.trim())));
        }
        String::from_utf8(output.stdout).map_err(|_| io::Error::other("a path is not UTF-8"))
    }
}

/// Removes the folders above a path, up to the first one that still contains something.
fn remove_empty_folders(path: &Path) {
    let mut folders = path.ancestors().skip(1);
    while folders.next().is_some_and(|folder| fs::remove_dir(folder).is_ok()) {}
}
