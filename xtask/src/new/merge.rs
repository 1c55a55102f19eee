//! Three-way merges, by git.

use std::process::Command;
use std::{fs, io};

/// `ours` with what differs between `base` and `theirs`; `None` if both differ in the same lines.
///
/// # Errors
/// When git is not there.
pub fn merge(base: &str, ours: &str, theirs: &str) -> io::Result<Option<String>> {
    let folder = tempfile::tempdir()?;
    for (name, text) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        fs::write(folder.path().join(name), text)?;
    }
    let arguments = ["merge-file", "--stdout", "ours", "base", "theirs"];
    let output = Command::new("git").current_dir(folder.path()).args(arguments).output()?;
    match output.status.code() {
        Some(0) => String::from_utf8(output.stdout).map(Some).map_err(io::Error::other),
        // The number of conflicts, at most 127; more is an error.
        Some(1..=127) => Ok(None),
        _ => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_different_lines_are_joined() {
        let base = "a\nb\nc\nd\ne\n";
        let merged = merge(base, "mine\nb\nc\nd\ne\n", "a\nb\nc\nd\nnew\ne\n").unwrap();
        assert_eq!(merged.as_deref(), Some("mine\nb\nc\nd\nnew\ne\n"));
        assert_eq!(merge(base, "a\nmine\nc\nd\ne\n", "a\nnew\nc\nd\ne\n").unwrap(), None);
    }
}
