//! `cargo xtask remove`, as a developer sees it.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use xtask::remove::{Part, Plan};

use crate::{Result, new_command, print, samples_command};

const REMOVED: &str = "\nRemoved. Next: cargo fmt --all, ./scripts/test, and commit.\n";

/// The setting and the health of replicas are also in what is generated.
const REMOVED_REPLICAS: &str = "
Removed. Next:
  cargo fmt --all
  UPDATE_GENERATED=1 cargo test --test integration -- settings::
  cargo run -- openapi export
  cargo xtask openapi changelog
  ./scripts/clients generate
  ./scripts/test
";

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
    /// The clients in languages that the team does not ship
    Client {
        /// The names of their folders in `clients/`
        #[arg(required = true)]
        languages: Vec<String>,
    },
    /// The benchmark, and the build that is trained with it
    Bench,
    /// The configuration of Traefik and its tests
    Traefik,
    /// The setting for replicas of PostgreSQL, and what names it
    Replicas,
    /// A resource that `new resource` made and nobody has changed
    Resource {
        /// Its plural, such as orders
        name: String,
    },
}

pub fn run(arguments: &RemoveArguments) -> Result<ExitCode> {
    let part = match &arguments.part {
        RemovedPart::Client { languages } => Part::Clients(languages.clone()),
        RemovedPart::Bench => Part::Bench,
        RemovedPart::Traefik => Part::Traefik,
        RemovedPart::Replicas => Part::Replicas,
        RemovedPart::Resource { name } => return new_command::remove(name, arguments.dry_run),
    };
    let plan = Plan::new(Path::new("."), &part)?;
    if arguments.dry_run {
        print(&plan.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    plan.apply()?;
    print(&plan.to_string())?;
    // Those of the clients that are gone leave the document.
    if matches!(part, Part::Clients(_)) {
        samples_command::write()?;
    }
    print(if part == Part::Replicas { REMOVED_REPLICAS } else { REMOVED })?;
    Ok(ExitCode::SUCCESS)
}
