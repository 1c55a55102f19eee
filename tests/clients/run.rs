//! Runs `scripts/clients`, within bounds.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Far more than any client takes, its compiler included.
const LIMIT: Duration = Duration::from_mins(5);

/// What `scripts/clients ARGUMENTS…` printed; the test fails when it failed.
pub async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let (status, printed) = attempt(arguments, environment).await;
    assert!(status.success(), "{arguments:?} ended with {status}\n{printed}");
    printed
}

/// How `scripts/clients ARGUMENTS…` ended, and what it printed.
pub async fn attempt(arguments: &[&str], environment: &[(&str, &str)]) -> (ExitStatus, String) {
    let mut command = Command::new(format!("{ROOT}/scripts/clients"));
    command.args(arguments).envs(environment.iter().copied());
    // Its own error output goes to the test's, so that a failure shows it.
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("{arguments:?} took longer than {LIMIT:?}")).unwrap();
    (output.status, String::from_utf8(output.stdout).unwrap())
}
