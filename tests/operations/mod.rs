//! The commands of docs/operations.md, run as they are against the real binary, PostgreSQL and
//! SQLite. They need bash and the tools of PostgreSQL.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::support::client::PASSWORD;
use crate::support::process::Process;
use crate::support::{Backend, Call, SECRET, TestDatabase};
use serde_json::{Value, json};

const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// Where the page keeps backups and databases; a test has other places.
const BACKUPS: &str = "/var/backups";
const SOURCE: &str = "postgres://groundwork@db.example/groundwork";
const RESTORED: &str = "postgres://groundwork@db.example/restored";

/// The commands of the page behind this mark.
fn commands(name: &str) -> &'static str {
    let mark = format!("<!-- run: {name} -->\n```bash\n");
    let (_, rest) = OPERATIONS.split_once(&mark).unwrap_or_else(|| panic!("the page has {mark:?}"));
    rest.split_once("```").expect("the block ends").0
}

/// Runs commands of the page in a folder, with other places than it names, and the settings of a
/// service.
fn run(name: &str, folder: &Path, places: &[(&str, &str)], settings: &[(&str, &str)]) -> Output {
    let commands = places.iter().fold(commands(name).to_owned(), |commands, (theirs, ours)| {
        assert!(commands.contains(theirs), "{name} names {theirs}");
        commands.replace(theirs, ours)
    });
    let binary = Path::new(env!("CARGO_BIN_EXE_groundwork")).parent().unwrap().display();
    let path = format!("{binary}:{}", std::env::var("PATH").unwrap_or_default());
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", &commands])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .envs(settings.iter().copied())
        .output()
        .unwrap()
}

#[track_caller]
fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn register(url: &str, email: &str) -> Value {
    let credentials = json!({"email": email, "password": PASSWORD});
    Call::new(url, "POST", "/api/v1/auth/register").json(credentials).send().await.expect(201).json()
}

async fn log_in(url: &str, email: &str) -> String {
    let credentials = json!({"email": email, "password": PASSWORD});
    let answer = Call::new(url, "POST", "/api/v1/auth/login").json(credentials).send().await.expect(200);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn me(url: &str, token: &str) -> u16 {
    Call::new(url, "GET", "/api/v1/users/me").bearer(token).send().await.status.as_u16()
}

/// Users that are made all the time, until it is stopped.
struct Writer {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Writer {
    fn on(url: &str) -> Self {
        let (stop, made) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let task = tokio::spawn({
            let (url, stop, made) = (url.to_owned(), Arc::clone(&stop), Arc::clone(&made));
            async move {
                while !stop.load(Ordering::Relaxed) {
                    register(&url, &writers(made.load(Ordering::Relaxed))).await;
                    made.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { stop, made, task }
    }

    async fn has_made_more_than(&self, number: u32) {
        while self.made.load(Ordering::Relaxed) <= number {
            assert!(!self.task.is_finished(), "a user could not be created");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stopped(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.made.load(Ordering::Relaxed)
    }
}

fn writers(number: u32) -> String {
    format!("writer{number}@example.com")
}

/// Takes a backup while users are being made; gives how many there were before and the token of a
/// session.
async fn back_up(service: &Process, backup: impl FnOnce() -> Output + Send + 'static) -> (u32, String) {
    register(&service.url, "ada@example.com").await;
    let token = log_in(&service.url, "ada@example.com").await;
    let writer = Writer::on(&service.url);
    writer.has_made_more_than(5).await;
    let before = writer.made.load(Ordering::Relaxed);
    succeeded(&tokio::task::spawn_blocking(backup).await.unwrap());
    // No write had to wait, and later writes are not in the backup.
    writer.has_made_more_than(before + 5).await;
    writer.stopped().await;
    register(&service.url, "late@example.com").await;
    (before, token)
}

/// The restored service has what was there before the backup and works on.
async fn assert_restored(service: &Process, before: u32, token: &str) {
    let url = &service.url;
    assert_eq!(me(url, token).await, 200, "with the same key, sessions go on");
    let access = log_in(url, "ada@example.com").await;
    assert_eq!(me(url, &access).await, 200);
    for number in 0..before {
        log_in(url, &writers(number)).await;
    }
    let late = json!({"email": "late@example.com", "password": PASSWORD});
    let answer = Call::new(url, "POST", "/api/v1/auth/login").json(late).send().await;
    answer.expect_error(401, "invalid_credentials");
    let id = |user: &Value| user["id"].as_i64().unwrap();
    assert!(id(&register(url, "new@example.com").await) > i64::from(before), "numbers go on");
}

#[track_caller]
fn assert_private(file: &Path) {
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_sqlite_taken_under_writes_can_be_restored_and_its_users_log_in() {
    let service = Process::start(&[]).await;
    let kept = tempfile::tempdir().unwrap();
    let (folder, backups) = (service.folder().to_owned(), kept.path().to_str().unwrap().to_owned());
    let places = backups.clone();
    let (before, token) =
        back_up(&service, move || run("sqlite-backup", &folder, &[(BACKUPS, &places)], &[])).await;

    let copy = kept.path().join("groundwork.db");
    assert_private(&copy);
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let bytes = std::fs::read(&copy).unwrap();
    assert!(holds(&bytes, "ada@example.com") && holds(&bytes, "$2b$"), "what the page calls secret is in it");
    assert!(!holds(&bytes, SECRET), "the signing key is not");
    // A second one under the same name would replace the first.
    let again = run("sqlite-backup", service.folder(), &[(BACKUPS, &backups)], &[]);
    assert!(!again.status.success() && std::fs::read(&copy).unwrap() == bytes);

    // In the place of another database, whose log must not be taken for the copy's.
    let mut other = Process::start(&[]).await;
    register(&other.url, "other@example.com").await;
    other.kill();
    assert!(other.folder().join("groundwork.db-wal").exists());
    succeeded(&run("sqlite-restore", other.folder(), &[(BACKUPS, &backups)], &[]));
    let file = other.folder().join("groundwork.db");
    assert_private(&file);
    let url = format!("sqlite://{}", file.display());
    let restored = Process::start(&[("DATABASE_URL", &url)]).await;
    assert_restored(&restored, before, &token).await;

    drop(restored);
    let closed = Process::start(&[("DATABASE_URL", &url), ("JWT_SECRET_KEY", KEY)]).await;
    assert_eq!(me(&closed.url, &token).await, 401, "with another key, every session has ended");
    log_in(&closed.url, "ada@example.com").await;
}

/// What `JWT_SECRET_KEY` is changed to after a restore.
const KEY: &str = "another key than before that is long enough";

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_postgresql_taken_under_writes_can_be_restored_and_its_users_log_in() {
    let database = TestDatabase::create(Backend::Postgres).await;
    let service = Process::start(&[("DATABASE_URL", &database.url)]).await;
    let kept = tempfile::tempdir().unwrap();
    let (folder, backups) = (kept.path().to_owned(), kept.path().to_str().unwrap().to_owned());
    let (places, source) = (backups.clone(), database.url.clone());
    let (before, token) = back_up(&service, move || {
        run("postgresql-backup", &folder, &[(BACKUPS, &places), (SOURCE, &source)], &[])
    })
    .await;

    let dump = kept.path().join("groundwork.dump");
    assert_private(&dump);
    let text = Command::new("pg_restore").args(["--file=-", dump.to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("ada@example.com") && text.contains("$2b$"), "what the page calls secret is in it");
    assert!(!text.contains(SECRET), "the signing key is not");

    let fresh = TestDatabase::empty(Backend::Postgres).await;
    let places = [(BACKUPS, backups.as_str()), (RESTORED, fresh.url.as_str())];
    succeeded(&run("postgresql-restore", kept.path(), &places, &[]));
    // Into one that has something already, nothing is restored.
    assert!(!run("postgresql-restore", kept.path(), &places, &[]).status.success());
    let restored = Process::start(&[("DATABASE_URL", &fresh.url)]).await;
    assert_restored(&restored, before, &token).await;

    drop(restored);
    let closed = Process::start(&[("DATABASE_URL", &fresh.url), ("JWT_SECRET_KEY", KEY)]).await;
    assert_eq!(me(&closed.url, &token).await, 401, "with another key, every session has ended");
    log_in(&closed.url, "ada@example.com").await;
}

#[test]
fn the_backup_command_refuses_postgresql() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("DATABASE_URL", "postgres://app:hunter2@db.example/app")];
    let output =
        run("sqlite-backup", folder.path(), &[(BACKUPS, folder.path().to_str().unwrap())], &settings);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("pg_dump") && !said.contains("hunter2"), "{said}");
}

/// The schema of the next release: a column and a table more, and a migration that this one does
/// not know.
async fn work_on_the_next_schema(backend: Backend) {
    let database = TestDatabase::create(backend).await;
    for statement in [
        "ALTER TABLE users ADD COLUMN nickname TEXT",
        "CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY)",
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')",
    ] {
        database.sql(statement).await;
    }
    let service = Process::start(&[("DATABASE_URL", &database.url)]).await;
    register(&service.url, "ada@example.com").await;
    assert_eq!(me(&service.url, &log_in(&service.url, "ada@example.com").await).await, 200);
    let is_ready = async || (service.probe("ready").await == Some(200)).then_some(());
    crate::support::postgres::eventually("it is ready", is_ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn this_release_serves_on_the_next_schema_in_sqlite() {
    work_on_the_next_schema(Backend::Sqlite).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn this_release_serves_on_the_next_schema_in_postgresql() {
    work_on_the_next_schema(Backend::Postgres).await;
}
