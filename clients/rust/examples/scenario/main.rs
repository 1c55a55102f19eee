//! Runs clients/scenario.json with this client against a running service.
//!
//! `GROUNDWORK_SCENARIO` is the path of the file, `GROUNDWORK_URL` the address of the service, and
//! `GROUNDWORK_CONTROL` the address that advances its clock.

mod steps;

use std::error::Error;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

const TIME_LIMIT: Duration = Duration::from_secs(120);

/// The error of a step that fails.
type Failed = Box<dyn Error + Send + Sync>;

/// The scenario's file.
#[derive(Deserialize)]
struct Scenario {
    seed: Seed,
    user: TestUser,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Seed {
    admin: TestUser,
}

/// A user who registers or logs in.
#[derive(Deserialize)]
struct TestUser {
    email: String,
    password: String,
    full_name: Option<String>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(rename = "step")]
    name: String,
    expect: Value,
    #[serde(flatten)]
    parameters: Parameters,
}

/// The parameters of all steps; each step has some of them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    body: Option<TestUser>,
    limit: i32,
    email: String,
    id: i64,
    advance_seconds: u64,
    parallel: usize,
    first: usize,
    then: usize,
}

impl Step {
    /// Fails unless `actual` equals the expectation, so that no expected value is left unchecked.
    fn compare(&self, actual: &Value) -> Result<(), Failed> {
        if *actual == self.expect {
            return Ok(());
        }
        Err(format!("expected {}, got {actual}", self.expect).into())
    }
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    tokio::time::timeout(TIME_LIMIT, run()).await?
}

async fn run() -> Result<(), Failed> {
    let scenario: Scenario =
        serde_json::from_str(&std::fs::read_to_string(variable("GROUNDWORK_SCENARIO")?)?)?;
    let Scenario { seed, user, steps } = scenario;
    let mut runner =
        steps::Runner::new(user, seed.admin, &variable("GROUNDWORK_URL")?, variable("GROUNDWORK_CONTROL")?)?;
    for step in &steps {
        runner.take(step).await.map_err(|failed| format!("step {}: {failed}", step.name))?;
        println!("step {}", step.name);
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, Failed> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}
