//! A PostgreSQL for one test, which ends with it: when the test passes, fails or is killed.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use super::{Backend, TestDatabase};

/// How long anything may take that a test waits for.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Nothing here outlives the test, so nothing is made durable.
const USUAL: [&str; 9] = [
    "listen_addresses=127.0.0.1",
    "max_connections=60",
    // In its folder, and gone with it: what is in /dev/shm outlives a server that is killed.
    "dynamic_shared_memory_type=mmap",
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=replica",
    "max_wal_senders=4",
    // How soon a replica asks again for a primary that was away.
    "wal_retrieve_retry_interval=100ms",
];

/// Asks again until `done`; fails the test when that takes too long.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, asking).await.unwrap_or_else(|_| panic!("{what} within {LIMIT:?}"))
}

pub struct Server {
    /// Owned by the user PostgreSQL runs as; certificates may be put here.
    folder: TempDir,
    options: Vec<String>,
    pub port: u16,
    process: Option<Child>,
}

impl Server {
    /// A new server with these options beside the usual ones.
    pub async fn start(options: &[&str]) -> Self {
        let folder = new_folder();
        let made = postgres("initdb")
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self::run(folder, options).await
    }

    /// A new server that follows this one by streaming.
    pub async fn replica(&self, options: &[&str]) -> Self {
        let folder = new_folder();
        let copied = postgres("pg_basebackup")
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--username=postgres"])
            .args(["--host=127.0.0.1", &format!("--port={}", self.port)])
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(copied.status.success(), "{copied:?}");
        Self::run(folder, options).await
    }

    async fn run(folder: TempDir, options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { folder, options, port: 0, process: None };
        for _ in 0..20 {
            server.port = candidate_port();
            if server.try_resume().await {
                return server;
            }
        }
        panic!("PostgreSQL does not start: {}", server.log());
    }

    /// Starts it again, where it was.
    pub async fn resume(&mut self) {
        assert!(self.try_resume().await, "PostgreSQL does not start: {}", self.log());
    }

    /// Starts it anew with these options.
    pub async fn restart_with(&mut self, options: &[&str]) {
        if self.process.is_some() {
            self.kill();
        }
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
        self.resume().await;
    }

    /// Starts it anew with this option too.
    pub async fn add_option(&mut self, option: &str) {
        self.kill();
        self.options.push(option.to_owned());
        self.resume().await;
    }

    /// Whether it runs; if not, its log says why.
    async fn try_resume(&mut self) -> bool {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = postgres("postgres");
        command.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string()]);
        command.args(["-c", &format!("unix_socket_directories={}", self.folder.path().display())]);
        for option in USUAL.iter().copied().chain(self.options.iter().map(String::as_str)) {
            command.args(["-c", option]);
        }
        // From the thread of the test: the server is told to end when the thread that started it
        // does.
        let started = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
        let process = self.process.insert(started.unwrap());
        // By the socket in its own folder: another server may have the port.
        let address = format!("host={} port={} user=postgres", self.folder.path().display(), self.port);
        eventually("the server starts or ends", async || {
            if process.try_wait().unwrap().is_some() {
                return Some(false);
            }
            let (_client, connection) = tokio_postgres::connect(&address, NoTls).await.ok()?;
            drop(connection);
            Some(true)
        })
        .await
    }

    /// The last words of the server.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Where it is found by others, with these options of the address.
    pub fn url(&self, host: &str, options: &str) -> String {
        format!("postgres://postgres@{host}:{}/postgres{options}", self.port)
    }

    /// What a test asks it directly.
    pub fn database(&self) -> TestDatabase {
        TestDatabase::at(Backend::Postgres, &self.url("127.0.0.1", ""))
    }

    /// A connection that is held.
    pub async fn session(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url("127.0.0.1", ""), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// A file beside the data that only the server's user reads.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        own(&path);
        path
    }

    /// All of its processes, the first one first, so that no other is begun meanwhile.
    fn signal(&self, name: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        let send = |process: &str| signal(process, name);
        send(&process);
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
        children.unwrap_or_default().split_whitespace().for_each(send);
    }

    /// Stops all of it where it is; what was sent to it is taken by the kernel and never answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Ends it in good order without waiting for its clients (PostgreSQL's "fast" shutdown).
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        signal(&process.id().to_string(), "INT");
        process.wait().unwrap();
    }

    /// Has each commit wait until a standby has it on its disk, as far as anything here is: `of` is
    /// one that follows.
    pub async fn commit_on(&self, of: &Server) {
        let database = self.database();
        database.sql("ALTER SYSTEM SET synchronous_commit = on").await;
        database.sql("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        database.sql("SELECT pg_reload_conf()").await;
        eventually(&format!("the server at {} is synchronous", of.port), async || {
            let states = database.sql("SELECT sync_state FROM pg_stat_replication").await;
            (states.as_deref() == Some("sync")).then_some(())
        })
        .await;
    }

    /// Starts it anew as a standby, in its place.
    pub async fn demote(&mut self) {
        self.stop();
        self.write("data/standby.signal", "");
        self.resume().await;
    }

    /// Makes a primary of a standby; returns when it takes writes.
    pub async fn promote(&self) {
        assert_eq!(self.database().sql("SELECT pg_promote()").await.as_deref(), Some("t"));
    }

    /// Has a standby follow this primary from now on.
    pub async fn follow(&self, primary: &Server) {
        let address = format!("host=127.0.0.1 port={} user=postgres", primary.port);
        self.database().sql(&format!("ALTER SYSTEM SET primary_conninfo = '{address}'")).await;
        self.database().sql("SELECT pg_reload_conf()").await;
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        // Stopped first: the others end by themselves when the first one does, and would not be
        // found.
        self.freeze();
        let children = {
            let process = self.process.as_ref().unwrap().id();
            fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default()
        };
        let mut process = self.process.take().unwrap();
        drop(Command::new("kill").args(["-s", "KILL"]).args(children.split_whitespace()).status());
        process.kill().unwrap();
        process.wait().unwrap();
        // Its memory is in use until they have gone, and the next start would be refused.
        for child in children.split_whitespace() {
            while Path::new("/proc").join(child).exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Removes the segment of a server that could not do so itself. Its number is in the seventh
    /// line of the lock.
    fn clear_away(&self) {
        let lock = fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap_or_default();
        let segment = lock.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
        if let Some(segment) = segment {
            drop(Command::new("ipcrm").args(["-m", segment]).stderr(Stdio::null()).status());
        }
    }
}

/// Sends a signal to a process, if there is one.
pub fn signal(process: &str, name: &str) {
    drop(Command::new("kill").args(["-s", name, process]).stderr(Stdio::null()).status());
}

/// Whether SIGUSR1, by which PostgreSQL tells its processes of conflicts, waits for a stopped
/// process. Nothing shorter is sure: the process that replays looks at the conflict again and
/// again, and is not waiting in between.
pub fn is_told(process: &str) -> bool {
    const SIGUSR1: u64 = 1 << (10 - 1);
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
    u64::from_str_radix(pending.trim(), 16).unwrap() & SIGUSR1 != 0
}

/// A server that is killed leaves a segment of shared memory, of which a machine has room for some
/// thousands. So it is told to end at once (PostgreSQL's "immediate" shutdown), and what a test
/// killed is cleared away.
impl Drop for Server {
    fn drop(&mut self) {
        let Some(process) = &self.process else { return self.clear_away() };
        signal(&process.id().to_string(), "QUIT");
        self.thaw();
        for _ in 0..1000 {
            if self
                .process
                .as_mut()
                .is_none_or(|process| process.try_wait().is_ok_and(|ended| ended.is_some()))
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        self.clear_away();
    }
}

/// Under `/tmp`: the path of a socket may have 107 bytes, and `TMPDIR` may be closed to other
/// users.
pub fn new_folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("postgres-server.").tempdir_in("/tmp").unwrap();
    own(folder.path());
    folder
}

fn is_root() -> bool {
    id(&["-u"]).as_deref() == Some("0")
}

fn id(arguments: &[&str]) -> Option<String> {
    let output = Command::new("id").args(arguments).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// Who PostgreSQL runs as when the tests run as root, which it refuses.
fn user() -> (u32, u32) {
    let number = |which: &str| id(&[which, "postgres"]).or_else(|| id(&[which, "nobody"])).unwrap();
    (number("-u").parse().unwrap(), number("-g").parse().unwrap())
}

fn own(path: &Path) {
    if is_root() {
        let (user, group) = user();
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// One of PostgreSQL's programs, which ends with this thread at the latest.
fn postgres(program: &str) -> Command {
    as_server(folder_of_programs().join(program))
}

/// A program as the user that PostgreSQL runs as, which ends with this thread at the latest.
pub fn as_server(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if is_root() {
        let (user, group) = user();
        command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
    }
    command.arg("--").arg(program);
    command.current_dir("/tmp").env("LC_ALL", "C");
    command
}

/// Debian keeps them out of PATH, but perhaps for links to some.
fn folder_of_programs() -> PathBuf {
    let is_included = std::env::args().any(|argument| argument.ends_with("ignored"));
    assert!(is_included, "`cargo test` runs without PostgreSQL: #[ignore = \"needs PostgreSQL\"]");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|folders| folders.map(|folder| folder.unwrap().path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    let folders = std::env::split_paths(&path).chain(versions.into_iter().rev());
    let real =
        folders.filter_map(|folder| folder.join("initdb").canonicalize().ok()?.parent().map(Path::to_owned));
    let has_all =
        |folder: &PathBuf| ["postgres", "pg_basebackup"].iter().all(|name| folder.join(name).exists());
    real.into_iter().find(has_all).expect("the programs of PostgreSQL; ./scripts/test installs them")
}

/// Below 32768, where outgoing connections take theirs; which one is free, the server finds out.
pub fn candidate_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 10_000).unwrap();
    20_000 + (start + NEXT.fetch_add(7, Ordering::Relaxed)) % 12_000
}
