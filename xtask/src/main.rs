//! Developer commands: `cargo xtask help`.
#![forbid(unsafe_code)]

mod clients_command;
mod new_command;
mod remove_command;
mod rename_command;
mod samples_command;

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use clap::{Parser, Subcommand, ValueEnum};
use serde_json::Value;
use xtask::{app, diff, lines, lint};

use clients_command::ClientsCommand;
use new_command::NewCommand;
use remove_command::RemoveArguments;
use rename_command::RenameArguments;

/// Exit code of `openapi diff` for a breaking change: 1 is a failure, 2 a wrong command line.
const BREAKING: u8 = 3;

/// Documents of released versions, one per version.
const RELEASED: &str = "openapi/released";

const CHANGELOG: &str = "openapi/CHANGELOG.md";

/// Developer commands of this workspace.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// OpenAPI documents
    Openapi {
        #[command(subcommand)]
        command: OpenapiCommand,
    },
    /// The clients in `clients/`
    Clients {
        #[command(subcommand)]
        command: ClientsCommand,
    },
    /// Print non-test lines of Rust per folder; exits with 1 when a part is larger than its limit
    Lines,
    /// Generate code that is yours from then on
    New {
        #[command(subcommand)]
        command: NewCommand,
    },
    /// Give this copy of the template the name of a product, or a product another name
    Rename(RenameArguments),
    /// Take out a part that you do not need
    Remove(RemoveArguments),
}

#[derive(Subcommand)]
enum OpenapiCommand {
    /// Compare two documents (JSON); exits with 3 when a change breaks clients of the old one
    Diff {
        /// The document that clients were generated from
        old: PathBuf,
        /// The document that replaces it
        new: PathBuf,
        /// One line per change, or a section of a changelog
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Check that clients can be generated from a document (JSON); exits with 1 when they cannot
    Lint {
        /// The document; by default the app's in `openapi/`
        document: Option<PathBuf>,
    },
    /// Write `openapi/CHANGELOG.md` from the released documents and the present one
    Changelog {
        /// Write nothing; fail when the file differs from what would be written
        #[arg(long)]
        check: bool,
    },
    /// Write the code samples of every operation, into `openapi/samples.json` and the document
    Samples,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Markdown,
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Openapi { command: OpenapiCommand::Diff { old, new, format } } => {
            compare(&old, &new, format)
        }
        Command::Openapi { command: OpenapiCommand::Lint { document } } => check_document(document),
        Command::Openapi { command: OpenapiCommand::Changelog { check } } => changelog(check),
        Command::Openapi { command: OpenapiCommand::Samples } => samples_command::run(),
        Command::Clients { command } => clients_command::run(command),
        Command::Lines => count_lines(),
        Command::New { command } => new_command::run(&command),
        Command::Remove(arguments) => remove_command::run(&arguments),
        Command::Rename(arguments) => rename_command::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        // There is nowhere to report that standard error is closed.
        let _ = writeln!(io::stderr(), "error: {error}");
        ExitCode::FAILURE
    })
}

fn compare(old: &Path, new: &Path, format: Format) -> Result<ExitCode> {
    let (old, new) = (read_document(old)?, read_document(new)?);
    let changes = diff::compare(&old, &new);
    match format {
        Format::Markdown => print(&diff::section(diff::version(&new), &changes))?,
        Format::Text => {
            let class =
                |change: &diff::DocumentChange| if change.breaking { "breaking" } else { "compatible" };
            let lines = changes.iter().map(|change| format!("{:<11}{change}\n", class(change)));
            print(&lines.collect::<String>())?;
        }
    }
    let breaks = changes.iter().any(|change| change.breaking);
    Ok(if breaks { BREAKING.into() } else { ExitCode::SUCCESS })
}

fn check_document(path: Option<PathBuf>) -> Result<ExitCode> {
    let path = path.map_or_else(app_document, Ok)?;
    let problems = lint::check(&read_document(&path)?);
    for problem in &problems {
        print(&format!("{problem}\n"))?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn changelog(check: bool) -> Result<ExitCode> {
    let mut released = Vec::new();
    if fs::exists(RELEASED)? {
        for entry in fs::read_dir(RELEASED)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                released.push(read_document(&path)?);
            }
        }
    }
    let text = diff::changelog(released, &read_document(&app_document()?)?);
    if !check {
        fs::write(CHANGELOG, text)?;
        print(&format!("wrote {CHANGELOG}\n"))?;
    } else if !fs::read_to_string(CHANGELOG).is_ok_and(|found| found == text) {
        return Err(format!("{CHANGELOG} is stale; run `cargo xtask openapi changelog`").into());
    }
    Ok(ExitCode::SUCCESS)
}

/// The path of the document that the app publishes.
fn app_document() -> Result<PathBuf> {
    Ok(app::document(&app::name(Path::new("."))?).into())
}

fn read_document(path: &Path) -> Result<Value> {
    let failed = |error: &dyn Error| format!("{} cannot be read: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    if !document["paths"].is_object() {
        return Err(format!("{} is not an OpenAPI document: it has no paths", path.display()).into());
    }
    Ok(document)
}

fn count_lines() -> Result<ExitCode> {
    let report = lines::report(Path::new("."))?;
    print(&report.to_string())?;
    Ok(if report.is_within_limits() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs cargo on files that a command has changed.
fn cargo(arguments: &[&str]) -> Result<()> {
    let command = format!("cargo {}", arguments.join(" "));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = process::Command::new(cargo).args(arguments).status()?;
    if !status.success() {
        return Err(format!("the files are changed, but `{command}` failed: mend that and run it").into());
    }
    Ok(())
}

fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
