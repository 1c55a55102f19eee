//! The commands.

pub mod dev;
mod healthcheck;
pub mod jobs;

pub use healthcheck::healthcheck;

use std::borrow::Cow;
use std::error::Error;
use std::fs;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;

use groundwork::api;
use groundwork::app::{self, App, WorkerApp};
use groundwork::db::migrations;
use groundwork::domain::email::Email;
use groundwork::domain::password::Password;
use groundwork::domain::permissions::UserRole;
use groundwork::models::users::{NewProfile, NewUser};
use groundwork::services::idempotency::Idempotency;
use groundwork::services::store::Actor;
use groundwork::settings::{DatabaseUrl, Settings};
use groundwork::telemetry;
use groundwork_clock::Clock;
use groundwork_database::backup;
use groundwork_openapi::{Documents, table};
use groundwork_settings::Sources;
use groundwork_telemetry::context::CallContext;
use tokio::signal::unix::{Signal, SignalKind, signal};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The exit code after SIGINT (128 + 2), used when a second signal interrupts the shutdown.
const EXIT_SIGINT: i32 = 130;

/// Prints an error and its sources to standard error.
pub fn print_error(error: &(dyn Error + 'static)) {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    let lines: Vec<_> = errors.map(ToString::to_string).collect();
    // A closed standard error cannot be reported anywhere.
    let _ = writeln!(io::stderr(), "error: {}", lines.join("\n  because: "));
}

/// Serves until SIGTERM or SIGINT.
pub fn serve() -> Result {
    run_until_signal("requests in flight", async |settings, mut stop| {
        let app = tokio::select! {
            app = App::new(settings, Clock::default()) => app?,
            () = &mut stop => return Ok(()),
        };
        let listening = |bound| tracing::info!("listening on http://{bound}, docs at http://{bound}/docs");
        Ok(app.serve(SocketAddr::new(settings.host, settings.port), listening, stop).await?)
    })
}

/// Runs jobs until SIGTERM or SIGINT.
pub fn worker() -> Result {
    run_until_signal("running jobs", async |settings, mut stop| {
        let worker = tokio::select! {
            worker = WorkerApp::new(settings, Clock::default()) => worker?,
            () = &mut stop => return Ok(()),
        };
        let started = || tracing::info!(workers = settings.job_workers, "running jobs");
        Ok(worker.run(started, stop).await?)
    })
}

/// Completes at SIGTERM or SIGINT.
type Stop = Pin<Box<dyn Future<Output = ()>>>;

/// Runs what a signal stops, with logs, metrics and traces. `what` may finish. The signal also ends
/// the start, which may be waiting for the database or for another instance's migration.
fn run_until_signal(what: &'static str, work: impl AsyncFnOnce(&Settings, Stop) -> Result) -> Result {
    let sources = Sources::of_process()?;
    let settings = Settings::load(&sources)?;
    block_on(async {
        let _guard = telemetry::start(&settings)?;
        log_panics();
        if let Some(mode) = sources.exposed_secrets() {
            tracing::warn!(%mode, "every user of this machine can read the secrets in .env: chmod 600 it");
        }
        for warning in sources.warnings::<Settings>() {
            tracing::warn!("{warning}");
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = Box::pin(async move {
            shutdown_signal(&mut terminate, &mut interrupt).await;
            tracing::info!("stopping: {what} may finish; a second signal ends them");
            tokio::spawn(async move {
                shutdown_signal(&mut terminate, &mut interrupt).await;
                tracing::warn!("ended by a second signal");
                groundwork_telemetry::flush_logs();
                std::process::exit(EXIT_SIGINT);
            });
        });
        work(&settings, stop).await?;
        tracing::info!("stopped");
        Ok(())
    })
}

async fn shutdown_signal(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Applies pending migrations.
pub fn migrate() -> Result {
    let settings = Settings::load_without_secret()?;
    let _guard = telemetry::start_log(&settings)?;
    block_on(async { Ok(migrations::apply(&settings).await?) })
}

/// Copies the SQLite database.
pub fn backup(file: &Path) -> Result {
    let settings = Settings::load_without_secret()?;
    let DatabaseUrl::Sqlite(database) = &settings.database_url else {
        return Err("DATABASE_URL is PostgreSQL: use pg_dump, as described in docs/operations.md".into());
    };
    backup::run(database, file)?;
    print(&format!("copied {} to {}\n", database.display(), file.display()))
}

fn prompt_password() -> Result<String> {
    let prompted = rpassword::prompt_password("Password: ");
    Ok(prompted.map_err(|_| "there is no terminal to read the password from: use --password-stdin")?)
}

/// Creates a user.
pub fn user_create(email: &str, is_superuser: bool, password_stdin: bool) -> Result {
    let settings = Settings::load_without_secret()?;
    let _guard = telemetry::start_log(&settings)?;
    let email = Email::parse(email).map_err(|reason| format!("the email {reason}"))?;
    let text = if password_stdin { read_password()? } else { prompt_password()? };
    let password = Password::parse(&text).map_err(|reason| format!("the password {reason}"))?;
    block_on(async {
        migrations::prepare(&settings).await?;
        let profile = NewProfile::default();
        let role = if is_superuser { UserRole::Superuser } else { UserRole::User };
        let new = NewUser { email, profile, is_active: true, role, is_verified: true };
        let users = app::user_service(&settings)?;
        let user =
            users.create(Actor::Operator, new, password, &Idempotency::none(), &CallContext::local()).await?;
        print(&format!("created user {} with id {}\n", user.email, user.id))
    })
}

fn read_password() -> io::Result<String> {
    let text = io::read_to_string(io::stdin())?;
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    Ok(line.unwrap_or(&text).to_owned())
}

/// Lists the operations.
pub fn routes() -> Result {
    let settings = Settings::load_without_secret()?;
    let documents = api::documents(&settings.api_v1_prefix)?;
    let document: serde_json::Value = serde_json::from_str(&documents.json)?;
    let mut lines = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            lines.push(format!("{:<7} {path:<36} {id}\n", method.to_uppercase()));
        }
    }
    print(&lines.concat())
}

/// Shows the effective settings.
pub fn config() -> Result {
    let settings = Settings::load_without_secret()?;
    let settings = settings.effective();
    let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    print(&lines.concat())
}

/// The published document. It has the default prefix, whatever the settings are.
fn published_documents() -> Result<Documents> {
    Ok(api::documents(api::PUBLISHED_PREFIX)?)
}

/// The generated files in `openapi/`.
fn generated_files(documents: &Documents) -> Result<[(&'static Path, Cow<'_, str>); 4]> {
    let operations = table::render(&serde_json::from_str(&documents.json)?, "groundwork openapi export");
    Ok([
        (Path::new("openapi/groundwork.json"), Cow::from(&*documents.json)),
        (Path::new("openapi/groundwork.yaml"), Cow::from(&*documents.yaml)),
        (Path::new("openapi/groundwork-3.0.json"), Cow::from(&*documents.json_3_0)),
        (Path::new("openapi/operations.md"), operations.into()),
    ])
}

/// Writes the generated files.
pub fn openapi_export() -> Result {
    fs::create_dir_all("openapi")?;
    let documents = published_documents()?;
    for (path, text) in generated_files(&documents)? {
        fs::write(path, text.as_ref())?;
        print(&format!("wrote {}\n", path.display()))?;
    }
    let without: Vec<_> = without_samples(&documents)?;
    if without.is_empty() {
        return Ok(());
    }
    print(&format!("without code samples: {}; `cargo xtask openapi samples` adds them\n", without.join(", ")))
}

/// The operations that have no code samples yet.
fn without_samples(documents: &Documents) -> Result<Vec<String>> {
    let document: serde_json::Value = serde_json::from_str(&documents.json)?;
    let items = document["paths"].as_object().into_iter().flatten();
    let operations = items.filter_map(|(_, item)| item.as_object()).flatten().map(|(_, operation)| operation);
    let without = operations.filter(|operation| operation.get("x-codeSamples").is_none());
    Ok(without.filter_map(|operation| operation["operationId"].as_str().map(str::to_owned)).collect())
}

/// Fails if a generated file is stale.
pub fn openapi_check() -> Result {
    let documents = published_documents()?;
    let differs = |path: &Path, text: &str| fs::read_to_string(path).map_or(true, |found| found != text);
    let stale: Vec<_> =
        generated_files(&documents)?.into_iter().filter(|(path, text)| differs(path, text)).collect();
    if stale.is_empty() {
        return print("the files in openapi/ are up to date\n");
    }
    let names: Vec<_> = stale.iter().map(|(path, _)| path.display().to_string()).collect();
    Err(format!("stale: {}; run `groundwork openapi export`", names.join(", ")).into())
}

/// Prints the document in one format.
pub fn openapi_print(format: impl FnOnce(&Documents) -> &str) -> Result {
    print(format(&published_documents()?))
}

fn block_on(work: impl Future<Output = Result>) -> Result {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn print(text: &str) -> Result {
    match io::stdout().write_all(text.as_bytes()) {
        // The reader, such as `head`, needs no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Writes panics to the log instead of standard error.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or("without a message"));
    }));
}
