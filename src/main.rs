//! The command line.
#![forbid(unsafe_code)]

mod commands;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use groundwork_jobs::JobStatus;
use groundwork_jobs::records::JobFilter;

/// A production-grade, code-first, OpenAPI-driven REST API service.
///
/// Settings are read from the environment, then from `.env`, then from defaults: see `groundwork
/// config`.
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
    /// Run jobs without serving the API
    Worker,
    /// Apply pending database migrations
    Migrate,
    /// Copy the SQLite database to a new file while the service runs (use `pg_dump` for PostgreSQL)
    Backup {
        /// The new file; an existing file is not replaced
        file: PathBuf,
    },
    /// Export or compare OpenAPI documents
    Openapi {
        #[command(subcommand)]
        command: OpenapiCommand,
    },
    /// Manage users
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// List jobs; retry or delete those that failed
    Jobs {
        #[command(subcommand)]
        command: JobsCommand,
    },
    /// Commands for development
    Dev {
        #[command(subcommand)]
        command: DevCommand,
    },
    /// List the operations: method, path, operation ID
    Routes,
    /// Show the effective settings, with secrets masked
    Config,
    /// Check whether the running service is ready; exits with 0 if it is
    Healthcheck,
}

#[derive(Subcommand)]
enum OpenapiCommand {
    /// Write the document's files to `openapi/` in the working directory
    Export {
        /// Write nothing, and fail if a file differs from what would be written
        #[arg(long, conflicts_with = "format")]
        check: bool,
        /// Print the document in this format instead of writing files
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
    /// Create a user; prompts for the password
    Create {
        /// The user's email address
        #[arg(long)]
        email: String,
        /// Grant superuser rights
        #[arg(long)]
        superuser: bool,
        /// Read the password from standard input instead; a trailing line break is removed
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
enum JobsCommand {
    /// List jobs, the newest first: ID, status, attempts, kind, when each was or is due, last error
    List {
        /// Only jobs in this status: queued, running, done or dead
        #[arg(long, value_parser = JobStatus::parse)]
        status: Option<JobStatus>,
        /// Only jobs of this kind
        #[arg(long)]
        kind: Option<String>,
        /// The oldest first
        #[arg(long)]
        oldest_first: bool,
        /// How many at most
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        limit: u16,
    },
    /// Queue a dead job again, with all its attempts
    Retry {
        /// The job's ID
        id: i64,
    },
    /// Delete a job that is not running; one that is queued will not run
    Discard {
        /// The job's ID
        id: i64,
    },
}

#[derive(Subcommand)]
enum DevCommand {
    /// Create 50 users and a superuser with a random password; only if `APP_ENV` is `development`
    Seed {
        /// Delete everything in the database first
        #[arg(long)]
        reset: bool,
    },
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => commands::serve(),
        Command::Worker => commands::worker(),
        Command::Migrate => commands::migrate(),
        Command::Backup { file } => commands::backup(&file),
        Command::Openapi { command: OpenapiCommand::Export { check: true, .. } } => commands::openapi_check(),
        Command::Openapi { command: OpenapiCommand::Export { format, .. } } => match format {
            None => commands::openapi_export(),
            Some(Format::Json) => commands::openapi_print(|documents| &documents.json),
            Some(Format::Yaml) => commands::openapi_print(|documents| &documents.yaml),
        },
        Command::User { command: UserCommand::Create { email, superuser, password_stdin } } => {
            commands::user_create(&email, superuser, password_stdin)
        }
        Command::Jobs { command: JobsCommand::List { status, kind, oldest_first, limit } } => {
            commands::jobs::list(&JobFilter { status, kind, oldest_first }, limit)
        }
        Command::Jobs { command: JobsCommand::Retry { id } } => commands::jobs::retry(id),
        Command::Jobs { command: JobsCommand::Discard { id } } => commands::jobs::discard(id),
        Command::Dev { command: DevCommand::Seed { reset } } => commands::dev::seed(reset),
        Command::Routes => commands::routes(),
        Command::Config => commands::config(),
        Command::Healthcheck => commands::healthcheck(),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            commands::print_error(error.as_ref());
            std::process::ExitCode::FAILURE
        }
    }
}
