//! `cargo xtask openapi samples`, as a developer sees it.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use xtask::samples::{self, Samples};

use crate::{Result, app_document, print, read_document};

/// Writes the samples of the app's document, or checks that they are up to date.
pub fn run(check: bool) -> Result<ExitCode> {
    let samples = generate()?;
    if !check {
        samples.write(Path::new("."))?;
        print(&format!("wrote {} and the documents in openapi/\n", samples::FILE))?;
    } else if !fs::read_to_string(samples::FILE).is_ok_and(|found| found == samples.text()) {
        return Err(format!("{} is stale; run `cargo xtask openapi samples`", samples::FILE).into());
    }
    Ok(ExitCode::SUCCESS)
}

fn generate() -> Result<Samples> {
    let samples = samples::generate(Path::new("."), &read_document(&app_document()?)?)?;
    if samples.missing.is_empty() {
        return Ok(samples);
    }
    Err(format!("not every operation can have a sample:\n  {}", samples.missing.join("\n  ")).into())
}
