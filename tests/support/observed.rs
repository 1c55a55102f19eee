//! Notes which status of which operation a test has seen, for the contract's tests to count.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

/// The folder of the notes, one file a test process; without it nothing is noted.
pub const VARIABLE: &str = "GROUNDWORK_CONTRACT_LOG";

static SEEN: LazyLock<Mutex<HashSet<(String, u16)>>> = LazyLock::new(Mutex::default);

/// Notes a cell the first time that this process sees it.
pub fn note(operation: &str, status: u16) {
    let Some(folder) = std::env::var_os(VARIABLE) else { return };
    let mut seen = SEEN.lock().unwrap();
    if seen.insert((operation.to_owned(), status)) {
        let file = PathBuf::from(folder).join(format!("{}.txt", std::process::id()));
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{operation} {status}").unwrap();
    }
}
