//! `cargo xtask remove`, as a developer sees it.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use xtask::remove::{Part, Plan};

use crate::{Result, print};

#[derive(Args)]
pub struct RemoveArguments {
    #[command(subcommand)]
    part: RemovedPart,
    /// Print what would change, and change nothing
    #[arg(long, global = true)]
    dry_run: bool,
}

#[derive(Subcommand)]
enum RemovedPart {
    /// The client in a language that the team does not ship
    Client {
        /// The name of its folder in `clients/`
        language: String,
    },
    /// The benchmark, and the build that is trained with it
    Bench,
    /// The configuration of Traefik and its tests
    Traefik,
}

pub fn run(arguments: &RemoveArguments) -> Result<ExitCode> {
    let part = match &arguments.part {
        RemovedPart::Client { language } => Part::Client(language.clone()),
        RemovedPart::Bench => Part::Bench,
        RemovedPart::Traefik => Part::Traefik,
    };
    let plan = Plan::new(Path::new("."), &part)?;
    print(&plan.to_string())?;
    if !arguments.dry_run {
        plan.apply()?;
        print("\nRemoved. Next: cargo fmt --all, ./scripts/test, and commit.\n")?;
    }
    Ok(ExitCode::SUCCESS)
}
