//! `cargo xtask remove`, as a developer sees it.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use xtask::remove::{Part, Plan};

use crate::{Result, new_command, print};

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
    /// A resource that `new resource` made and nobody has changed
    Resource {
        /// Its plural, such as orders
        name: String,
    },
}

pub fn run(arguments: &RemoveArguments) -> Result<ExitCode> {
    let part = match &arguments.part {
        RemovedPart::Client { language } => Part::Client(language.clone()),
        RemovedPart::Bench => Part::Bench,
        RemovedPart::Traefik => Part::Traefik,
        RemovedPart::Resource { name } => return new_command::remove(name, arguments.dry_run),
    };
    let plan = Plan::new(Path::new("."), &part)?;
    print(&plan.to_string())?;
    if !arguments.dry_run {
        plan.apply()?;
        print("\nRemoved. Next: cargo fmt --all, ./scripts/test, and commit.\n")?;
    }
    Ok(ExitCode::SUCCESS)
}
