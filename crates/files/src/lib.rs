#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Permission bits of users who are neither the owner nor in the group.
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
/// Permission bits of everyone but the owner.
const NOT_OWNER: u32 = 0o077;

/// Opens a regular file, following symbolic links. Pipes and devices are refused without blocking:
/// opening a pipe would otherwise wait until another process writes to it.
///
/// # Errors
/// Those of the operating system; `InvalidInput` for what is not a regular file.
pub fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // `OFlags` has no bit beyond those of the system's `int`.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(not_a_file()) }
}

/// Reads a regular file, opened as by [`open`]; returns its content and permission bits.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> io::Result<(Vec<u8>, Mode)> {
    let (mut file, metadata) = open(path)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok((content, Mode::of(&metadata)))
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

/// The permission bits of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// The permission bits of an open file.
    pub fn of(metadata: &Metadata) -> Self {
        Self(metadata.permissions().mode() & 0o777)
    }

    /// The permission bits of the file at this path, following symbolic links; `None` if there is
    /// no file.
    ///
    /// # Errors
    /// As [`open`], but the file itself need not be readable.
    pub fn at(path: &Path) -> io::Result<Option<Self>> {
        match path.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(Some(Self::of(&metadata))),
            Ok(_) => Err(not_a_file()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether every user of the machine may change the file.
    pub fn lets_others_write(self) -> bool {
        self.0 & OTHERS_WRITE != 0
    }

    /// Whether every user of the machine may read the file.
    pub fn lets_others_read(self) -> bool {
        self.0 & OTHERS_READ != 0
    }

    /// Whether only the owner may do anything with the file.
    pub fn is_private(self) -> bool {
        self.0 & NOT_OWNER == 0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03o}", self.0)
    }
}

/// Whether the file belongs to the user this process runs as, or to root.
pub fn has_trusted_owner(metadata: &Metadata) -> bool {
    is_trusted(metadata.uid(), rustix::process::geteuid().as_raw())
}

fn is_trusted(owner: u32, own: u32) -> bool {
    owner == own || owner == 0
}

/// A file that every user of the machine may read or write, and must not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is open to every user of this machine (mode {mode}): chmod o-rwx it", path = .path.display())]
pub struct Exposed {
    /// The file.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: Mode,
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_pipe_and_a_device_are_refused_at_once_and_a_link_to_a_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [pipe, file, link] = ["pipe", "file", "link"].map(|name| folder.path().join(name));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero"), folder.path()] {
            assert_eq!(read(path).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{}", path.display());
            assert_eq!(Mode::at(path).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{}", path.display());
        }
        fs::write(&file, "content").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(read(&link).unwrap().0, b"content");
        assert_eq!(Mode::at(&folder.path().join("none")).unwrap(), None);
    }

    #[test]
    fn only_the_process_itself_and_root_are_trusted_owners() {
        for (owner, own, expected) in
            [(0, 0, true), (1000, 1000, true), (0, 1000, true), (1000, 0, false), (1001, 1000, false)]
        {
            assert_eq!(is_trusted(owner, own), expected, "{owner} {own}");
        }
    }
}
