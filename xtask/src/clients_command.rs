//! `cargo xtask clients`, as `scripts/clients` runs it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use xtask::clients::{self, Language, Resources};

use crate::{Result, app_document, print, read_document};

#[derive(Subcommand)]
pub enum ClientsCommand {
    /// Print the methods by resource of a client, such as `users.list()`: `./scripts/clients
    /// generate` does
    Resources {
        language: Language,
        /// The package of the client, for Go and Java
        #[arg(long, default_value = "client")]
        package: String,
        /// The document; by default the app's in `openapi/`
        #[arg(long)]
        document: Option<PathBuf>,
    },
    /// Print a document without 304, which has no body where a success has one, and without the
    /// optional headers of requests, for generators that would make an argument of each: a new one
    /// would break every call
    Document {
        /// Leave the headers there
        #[arg(long)]
        keep_headers: bool,
        /// The document; by default the app's in `openapi/`
        #[arg(long)]
        document: Option<PathBuf>,
    },
}

pub fn run(command: ClientsCommand) -> Result<ExitCode> {
    let (language, package, document) = match command {
        ClientsCommand::Resources { language, package, document } => (language, package, document),
        ClientsCommand::Document { keep_headers, document } => {
            let mut document = read_document(&document.map_or_else(app_document, Ok)?)?;
            clients::simplify(&mut document, keep_headers);
            print(&document.to_string())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let document = read_document(&document.map_or_else(app_document, Ok)?)?;
    let Resources { code, omitted } = clients::resources(&document, language, &package);
    for reason in omitted {
        // There is nowhere to report that standard error is closed.
        let _ = writeln!(io::stderr(), "note: no method for {reason}");
    }
    print(&code)?;
    Ok(ExitCode::SUCCESS)
}
