//! The service as a process: what can be killed, stopped by a signal, and started again on the same
//! files.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::postgres::{eventually, signal};
use super::{Call, SECRET};

/// The settings of a process in tests, unless it brings its own.
const USUAL: [(&str, &str); 6] = [
    ("PORT", "0"),
    ("JWT_SECRET_KEY", SECRET),
    ("BCRYPT_ROUNDS", "4"),
    // Limits that only a test of limits reaches.
    ("RATE_LIMIT_PER_MINUTE", "1000000"),
    ("AUTH_RATE_LIMIT_PER_MINUTE", "1000000"),
    ("ACCOUNT_RATE_LIMIT_PER_MINUTE", "1000000"),
];

pub struct Process {
    child: Child,
    pub url: String,
    folder: TempDir,
}

/// Runs a command that the kernel kills with the thread of the test, however the test ends. Other
/// systems than Linux cannot do that.
const UNTIL_THE_TEST_ENDS: &[&str] =
    if cfg!(target_os = "linux") { &["setpriv", "--pdeathsig", "KILL", "--"] } else { &["env"] };

impl Process {
    /// With these settings beside the usual ones, in a folder of its own.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_under(&[], settings).await
    }

    /// As the last argument of another command, which must become the service (`exec`).
    pub async fn start_under(command: &[&str], settings: &[(&str, &str)]) -> Self {
        Self::start_binary(env!("CARGO_BIN_EXE_groundwork"), command, settings).await
    }

    /// The same with another build of the service.
    pub async fn start_binary(binary: &str, command: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut process = Self::spawn(binary, command, &[], settings);
        process.url = process
            .logged(|log| {
                let (_, rest) = log.split_once("listening on ")?;
                Some(rest.split_once(',')?.0.to_owned())
            })
            .await;
        process
    }

    /// A process that runs jobs and serves nothing.
    pub async fn start_worker(settings: &[(&str, &str)]) -> Self {
        let mut process = Self::spawn(env!("CARGO_BIN_EXE_groundwork"), &[], &["worker"], settings);
        process.logged(|log| log.contains("running jobs").then_some(())).await;
        process
    }

    fn spawn(binary: &str, command: &[&str], arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(UNTIL_THE_TEST_ENDS[0])
            .args(&UNTIL_THE_TEST_ENDS[1..])
            .args(command)
            .arg(binary)
            .args(arguments)
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(USUAL.iter().chain(settings).copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("setpriv, or env where there is none");
        Self { child, url: String::new(), folder }
    }

    /// Waits until it has logged what `find` looks for.
    pub async fn logged<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        eventually("the process logs it", async || {
            let log = self.log();
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}: {log}");
            find(&log)
        })
        .await
    }

    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.url, method, path)
    }

    pub fn id(&self) -> String {
        self.child.id().to_string()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        signal(&self.id(), "TERM");
    }

    /// Ends it without any farewell.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        let ended = self.child.wait().unwrap();
        assert_eq!(ended.signal(), Some(9), "it had ended by itself: {}", self.log());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the process ends", async || self.child.try_wait().unwrap()).await
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The status of a probe; `None` when there is no answer. A probe that hangs fails the test.
    pub async fn probe(&self, which: &str) -> Option<u16> {
        probe(&self.url, which).await
    }
}

/// Asks a service for a sign of life.
pub async fn probe(url: &str, which: &str) -> Option<u16> {
    const LIMIT: Duration = Duration::from_mins(1);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = tokio::time::timeout(LIMIT, client.get(format!("{url}/api/v1/health/{which}")).send()).await;
    answer.unwrap_or_else(|_| panic!("{which}: no answer within {LIMIT:?}")).ok().map(|a| a.status().as_u16())
}

impl Drop for Process {
    #[allow(clippy::print_stderr, reason = "cargo shows it with the test that failed")]
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            // What the service said is half of what a failure means.
            let log = self.log();
            let last: Vec<_> = log.lines().rev().filter(|line| !line.contains(" INFO ")).take(10).collect();
            eprintln!("the last warnings of the service, newest first:\n{}", last.join("\n"));
        }
    }
}
