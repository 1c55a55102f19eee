//! `cargo xtask rename`, as a developer sees it.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use xtask::rename::{AppName, Choices, Plan};

use crate::{Result, cargo, changelog, print, samples_command};

/// At most this many places that have the old name are printed.
const MAX_LEFTOVERS: usize = 20;

const DECISIONS: &str = "
Decide yourself:
- contact: its name and address in src/api/mod.rs; the addresses in the package file of each client
  (package.json, pyproject.toml, Cargo.toml, go.mod, pom.xml) and in SECURITY.md. They are placeholders
  below example domains.
- licence: LICENSE-APACHE, LICENSE-MIT, LICENSE in src/api/mod.rs, `license` in Cargo.toml and the clients.
- copyright: LICENSE-MIT still names the authors of the template, and has to while you use their code.
  Add yours.
- README.md: what your service does, and for whom.
";

const RELEASED: &str = "
Is the service deployed already? Then these change with its name: DOMAIN in src/app.rs (every user has to
log in again), REDIS_KEY_PREFIX, the prefix of metrics, default database names, and the names of deployments.
Keep those you need by editing them back.
";

const KEPT: &str = "
Kept: crates/ and xtask/, licences, docs/decisions, bench/RESULTS.md and what it was made from (`./scripts/bench`
measures yours), and ~/.cache/pinned-tools, which all projects with these scripts share.

Next:
  ./scripts/clients generate
  UPDATE_GENERATED=1 cargo test --test integration -- settings::
  ./scripts/test
";

#[derive(Args)]
pub struct RenameArguments {
    /// The name: lower-case letters, digits and hyphens, such as acme-orders
    name: AppName,
    /// The title of the document, default of `APP_NAME` [default: from the name, such as Acme Orders]
    #[arg(long)]
    title: Option<String>,
    /// The group and the packages of the Java client, such as com.acme.orders [default: example.NAME]
    #[arg(long)]
    java_package: Option<String>,
    /// The scope of the TypeScript client, such as @acme [default: none]
    #[arg(long)]
    npm_scope: Option<String>,
    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(arguments: &RenameArguments) -> Result<ExitCode> {
    let choices = Choices {
        title: arguments.title.clone(),
        java_package: arguments.java_package.clone(),
        npm_scope: arguments.npm_scope.clone(),
    };
    let plan = Plan::new(Path::new("."), &arguments.name, &choices)?;
    if plan.is_empty() {
        print(&format!("{} has this name already; nothing changes.\n", arguments.name.as_str()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.dry_run {
        print(&plan.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    plan.apply()?;
    let [old, new] = plan.names();
    print(&format!("{old} is now {new}: {}.\n", plan.summary()))?;
    regenerate()?;
    report(&plan)?;
    Ok(ExitCode::SUCCESS)
}

/// Brings what the name has moved back into order: imports, the document and its changelog.
fn regenerate() -> Result<()> {
    cargo(&["fmt", "--all"])?;
    cargo(&["run", "--", "openapi", "export"])?;
    samples_command::write()?;
    changelog(false)?;
    Ok(())
}

fn report(plan: &Plan) -> Result<()> {
    let leftovers = plan.leftovers()?;
    let [old, _] = plan.names();
    if leftovers.is_empty() {
        print("\nOnly the files that are kept, and the names of the crates, still have the old name.\n")?;
    } else {
        print(&format!("\n{old} is still in {} places:\n", leftovers.len()))?;
        for place in leftovers.iter().take(MAX_LEFTOVERS) {
            print(&format!("  {place}\n"))?;
        }
    }
    print(if plan.is_of_the_template() { DECISIONS } else { RELEASED })?;
    print(KEPT)
}
