//! Secrets in files: `NAME_FILE` names a file that holds the value of `NAME`, as Docker and
//! Kubernetes mount secrets.

use std::io::Read;
use std::path::Path;

use groundwork_files::{self as files, Mode};

/// The largest file in bytes, which is more than any list of addresses needs.
pub(crate) const LIMIT: u64 = 64 * 1024;

/// The variable that names the file with the value of this one.
pub(crate) fn variable(name: &str) -> String {
    format!("{name}_FILE")
}

/// The content of the file that `variable` names, without white space around it such as a final
/// newline; or the problem as the predicate of a sentence about the setting.
pub(crate) fn read(variable: &str, path: &str) -> Result<String, String> {
    content(Path::new(path)).map_err(|problem| {
        // It may be the secret itself in place of the path.
        let shown = if path.starts_with(['/', '.']) { path } else { "not an absolute path, so not repeated" };
        format!("cannot be read from {variable} ({shown}): {problem}")
    })
}

fn content(path: &Path) -> Result<String, String> {
    let (file, metadata) = files::open(path).map_err(|error| error.to_string())?;
    // Orchestrators mount secrets readable by all users, of which a container has one.
    let mode = Mode::of(&metadata);
    if mode.lets_others_write() {
        return Err(format!("every user of this machine may change it (mode {mode}): chmod o-w it"));
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LIMIT {
        return Err(format!("it is larger than {} KiB", LIMIT / 1024));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not valid UTF-8".to_owned())?;
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        value => Ok(value.to_owned()),
    }
}
