//! `cargo xtask openapi samples`, as a developer sees it.

use std::path::Path;
use std::process::ExitCode;

use xtask::samples;

use crate::{Result, app_document, print, read_document};

pub fn run() -> Result<ExitCode> {
    write()?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the samples of the app's document.
pub fn write() -> Result<()> {
    let samples = samples::generate(Path::new("."), &read_document(&app_document()?)?)?;
    if !samples.missing.is_empty() {
        let missing = samples.missing.join("\n  ");
        return Err(format!("not every operation can have a sample:\n  {missing}").into());
    }
    samples.write(Path::new("."))?;
    print(&format!("wrote {} and its samples into the documents\n", samples::FILE))
}
