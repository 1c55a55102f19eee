//! Runs `scripts/clients`, within bounds.

use std::process::{ExitStatus, Output, Stdio};
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
    // Its own error output goes to the test's, so that a failure shows it.
    let output = output(arguments, environment, Stdio::inherit()).await;
    (output.status, String::from_utf8(output.stdout).unwrap())
}

/// Why `scripts/clients ARGUMENTS…` failed; the test fails when it did not.
pub async fn failure(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = output(arguments, environment, Stdio::piped()).await;
    assert!(!output.status.success(), "{arguments:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

async fn output(arguments: &[&str], environment: &[(&str, &str)], errors: Stdio) -> Output {
    let mut command = Command::new(format!("{ROOT}/scripts/clients"));
    command.args(arguments).envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
    let child = command.kill_on_drop(true).spawn().unwrap();
    let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
    output.unwrap_or_else(|_| panic!("{arguments:?} took longer than {LIMIT:?}")).unwrap()
}
