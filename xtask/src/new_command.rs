//! `cargo xtask new` and `cargo xtask remove resource`, as a developer sees them.

use std::path::Path;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use xtask::new::{self, Owner, Plan, Resource};

use crate::{Result, cargo, changelog, print, samples_command};

#[derive(Subcommand)]
pub enum NewCommand {
    /// A resource: migrations, model, service, schemas, operations, tests
    ///
    /// For example:
    /// `cargo xtask new resource orders 'number:text(1..40)! due_at:timestamp?' --owned-by user`
    Resource(ResourceArguments),
    /// Fields of a resource that `new resource` made, or a field of users, with their migration
    ///
    /// For example: `cargo xtask new field orders 'phone:text(1..40)?'`
    Field(FieldArguments),
}

#[derive(Args)]
#[command(group(ArgGroup::new("owner").required(true).args(["owned_by", "admin"])))]
pub struct ResourceArguments {
    /// The plural in snake case: `orders`, `order_lines`
    name: String,
    /// NAME:KIND! if it is required, NAME:KIND? if it may be null
    ///
    /// Kinds: text(MIN..MAX), int(MIN..MAX), decimal(DIGITS,SCALE), bool, enum(A,B,C), timestamp,
    /// date, uuid, json, text[](ITEMS,MIN..MAX). A shell needs quotes around them; several may share
    /// one pair.
    #[arg(required = true)]
    fields: Vec<String>,
    /// Each belongs to the user who created it, and nobody else sees it
    #[arg(long)]
    owned_by: Option<OwnedBy>,
    /// Superusers manage them
    #[arg(long)]
    admin: bool,
    /// The singular, where the rules of English do not tell it
    #[arg(long)]
    singular: Option<String>,
    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub struct FieldArguments {
    /// The plural of the resource: orders
    resource: String,
    /// NAME:KIND! or NAME:KIND?, as for a resource
    #[arg(required = true)]
    fields: Vec<String>,
    /// The value of the required field in rows that are there already
    #[arg(long)]
    default: Option<String>,
    /// Print what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum OwnedBy {
    User,
}

pub fn run(command: &NewCommand) -> Result<ExitCode> {
    match command {
        NewCommand::Resource(arguments) => resource(arguments),
        NewCommand::Field(arguments) => field(arguments),
    }
}

/// Now, as the names of migrations begin.
fn stamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d-%H%M%S").to_string()
}

fn field(arguments: &FieldArguments) -> Result<ExitCode> {
    let FieldArguments { resource, fields, default, dry_run } = arguments;
    let plan = new::add_field(Path::new("."), resource, fields, default.as_deref(), &stamp())?;
    if *dry_run {
        return preview(&plan);
    }
    plan.apply()?;
    print(&plan.tree())?;
    publish()?;
    print(&format!("\nDone: {resource}.{}", next_steps(resource)))?;
    Ok(ExitCode::SUCCESS)
}

fn resource(arguments: &ResourceArguments) -> Result<ExitCode> {
    let owner = if arguments.owned_by.is_some() { Owner::User } else { Owner::Service };
    let singular = arguments.singular.as_deref();
    let resource = Resource::parse(&arguments.name, singular, &arguments.fields, owner)?;
    let plan = new::add(Path::new("."), &resource, &stamp())?;
    if arguments.dry_run {
        return preview(&plan);
    }
    plan.apply()?;
    print(&plan.tree())?;
    publish()?;
    let plural = &arguments.name;
    print(&format!("\n{plural} are there.{}", next_steps(plural)))?;
    Ok(ExitCode::SUCCESS)
}

/// Removes a resource that `new resource` made and nobody has changed.
pub fn remove(name: &str, dry_run: bool) -> Result<ExitCode> {
    let plan = new::remove(Path::new("."), name)?;
    if dry_run {
        return preview(&plan);
    }
    plan.apply()?;
    print(&plan.tree())?;
    publish()?;
    print(&format!(
        "\n{name} are gone from the code. Databases that were migrated still have the table: drop it with a\n\
         migration of its own, or delete the development database. Next:\n  \
         ./scripts/clients generate\n  \
         ./scripts/test\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn next_steps(plural: &str) -> String {
    format!(
        " Next:\n  \
         cargo test --test integration -- api::{plural}\n  \
         ./scripts/clients generate\n  \
         ./scripts/test lint unit document api contract\n\
         docs/guides/add-a-resource.md says what to make your own.\n"
    )
}

fn preview(plan: &Plan) -> Result<ExitCode> {
    print(&format!("{}\n{}", plan.tree(), plan.diff()?))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the document that the code declares now, with the samples of its operations.
fn publish() -> Result<()> {
    cargo(&["run", "--", "openapi", "export"])?;
    samples_command::write()?;
    changelog(false)?;
    Ok(())
}
