//! Runs clients/scenario.json with this client against a running service.
//!
//! `GROUNDWORK_SCENARIO` is the path of the file, `GROUNDWORK_URL` the address of the service,
//! `GROUNDWORK_CONTROL` the address that advances its clock, loses a response and has the webhook
//! messages, and `GROUNDWORK_RECEIVER` the address that receives them.

mod access;
mod control;
mod steps;
mod webhooks;
mod writes;

use std::error::Error;
use std::time::Duration;

use groundwork_client::types::ApiKeyCreate;
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
    sort: String,
    id: i64,
    key: Option<ApiKeyCreate>,
    idempotency_key: String,
    full_name: String,
    events: Vec<String>,
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
    let control =
        control::Control { url: variable("GROUNDWORK_CONTROL")?, receiver: variable("GROUNDWORK_RECEIVER")? };
    let mut runner = steps::Runner::new(user, seed.admin, &variable("GROUNDWORK_URL")?, control)?;
    for step in &steps {
        runner.take(step).await.map_err(|failed| format!("step {}: {failed}", step.name))?;
        println!("step {}", step.name);
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, Failed> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}
