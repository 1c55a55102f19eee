//! The command line.
#![forbid(unsafe_code)]

mod commands;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// A production-grade, code-first, OpenAPI-driven REST API service.
///
/// Settings come from the environment, then from `.env`, then from defaults: see `groundwork config`.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default)
    Serve,
    /// Bring the database to the newest schema
    Migrate,
    /// Copy the SQLite database to a new file, while the service runs; `pg_dump` is for PostgreSQL
    Backup {
        /// Where to; nothing that is there is replaced
        file: PathBuf,
    },
    /// The OpenAPI document
    Openapi {
        #[command(subcommand)]
        command: OpenapiCommand,
    },
    /// Accounts
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// List the operations: method, path, operation id
    Routes,
    /// Show the effective settings, secrets masked
    Config,
    /// Ask the running service whether it is ready; exits with 0 if it is
    Healthcheck,
}

#[derive(Subcommand)]
enum OpenapiCommand {
    /// Write the document's files to `openapi/` in the working directory
    Export {
        /// Write nothing; fail when a file there differs from what would be written
        #[arg(long, conflicts_with = "format")]
        check: bool,
        /// Write no files; print the document in this format
        #[arg(long)]
        format: Option<Format>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Make an account; the password comes from a prompt
    Create {
        /// The account's email
        #[arg(long)]
        email: String,
        /// Give it superuser rights
        #[arg(long)]
        superuser: bool,
        /// Read the password from standard input instead, without the line break at its end
        #[arg(long)]
        password_stdin: bool,
    },
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => commands::serve(),
        Command::Migrate => commands::migrate(),
        Command::Backup { file } => commands::backup(&file),
        Command::Openapi { command: OpenapiCommand::Export { check: true, .. } } => commands::openapi_check(),
        Command::Openapi { command: OpenapiCommand::Export { format: Some(Format::Json), .. } } => {
            commands::openapi_print(|documents| &documents.json)
        }
        Command::Openapi { command: OpenapiCommand::Export { format: Some(Format::Yaml), .. } } => {
            commands::openapi_print(|documents| &documents.yaml)
        }
        Command::Openapi { command: OpenapiCommand::Export { .. } } => commands::openapi_export(),
        Command::User { command: UserCommand::Create { email, superuser, password_stdin } } => {
            commands::user_create(&email, superuser, password_stdin)
        }
        Command::Routes => commands::routes(),
        Command::Config => commands::config(),
        Command::Healthcheck => commands::healthcheck(),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            commands::complain(error.as_ref());
            std::process::ExitCode::FAILURE
        }
    }
}
