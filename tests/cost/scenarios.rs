//! The service under callgrind, and the requests that are counted.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::{Command, Stdio};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::cost::callgrind::{self, Count};
use crate::cost::figures::Cost;
use crate::support::Backend;
use crate::support::client::PASSWORD;
use crate::support::database::TestDatabase;
use crate::support::process::Process;

/// The scenarios, by name.
pub const SCENARIOS: [&str; 7] = ["health", "me", "page", "change", "refresh", "unauthorized", "nowhere"];

/// What each costs.
pub type Counted = BTreeMap<String, Cost>;

/// Requests before counting begins: statements are prepared, and caches are warm.
const WARM_UP: u64 = 100;

/// The cheapest round counts: others have the service's own work in them, such as a checkpoint.
const ROUNDS: usize = 6;

/// Requests of a round. One alone would have the chance of a buffer growing in it.
const COUNTED: u64 = 50;

/// The user that asks, a superuser.
const EMAIL: &str = "ada@example.com";

/// A service under callgrind.
pub struct Measured {
    process: Process,
    client: Client,
    access: String,
    refresh: String,
    /// Dropped with the service.
    database: TestDatabase,
}

impl Measured {
    /// As it is deployed, but for cheap passwords, and limits that are off unless they are asked
    /// for.
    pub async fn start(backend: Backend, settings: &[(&str, &str)]) -> Self {
        let binary = env::var("GROUNDWORK_RELEASE_BIN")
            .expect("GROUNDWORK_RELEASE_BIN must name the release build; ./scripts/test cost makes it");
        let database = TestDatabase::create(backend).await;
        let usual = [
            ("DATABASE_URL", database.url.as_str()),
            ("LOG_FORMAT", "json"),
            ("RATE_LIMIT_ENABLED", "false"),
            // They look for jobs as often as a clock says; `groundwork worker` runs them.
            ("JOB_WORKERS", "0"),
            // Under callgrind all is slow.
            ("REDIS_TIMEOUT", "2000"),
            ("REQUEST_TIMEOUT", "60"),
            ("DB_STATEMENT_TIMEOUT", "60"),
        ];
        let valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=counts"];
        let process = Process::start_binary(&binary, &valgrind, &[&usual, settings].concat()).await;
        let client = Client::builder().no_proxy().build().unwrap();
        let mut measured = Self { process, client, access: String::new(), refresh: String::new(), database };
        let credentials = json!({"email": EMAIL, "password": PASSWORD});
        measured.ask(Method::POST, "/api/v1/auth/register", Some(&credentials), 201).await;
        measured.database.sql("UPDATE users SET is_superuser = TRUE").await;
        let tokens = measured.ask(Method::POST, "/api/v1/auth/login", Some(&credentials), 200).await;
        measured.keep(&tokens);
        measured
    }

    /// What these cost.
    pub async fn run(mut self, scenarios: &[&str]) -> Counted {
        let mut counted = Counted::new();
        for scenario in scenarios {
            for _ in 0..WARM_UP {
                self.call(scenario).await;
            }
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                self.tell("zero");
                for _ in 0..COUNTED {
                    self.call(scenario).await;
                }
                self.tell("dump");
                // Each dump has the next number.
                let number = counted.len() * ROUNDS + rounds.len() + 1;
                let dump = self.process.folder().join(format!("counts.{number}"));
                rounds.push(callgrind::parse(&fs::read_to_string(dump).unwrap()));
            }
            let cheapest = |count: fn(&Count) -> u64| rounds.iter().map(count).min().unwrap() / COUNTED;
            let cost = Cost {
                instructions: cheapest(|round| round.instructions),
                allocations: cheapest(|round| round.allocations),
            };
            counted.insert((*scenario).to_owned(), cost);
        }
        counted
    }

    async fn call(&mut self, scenario: &str) {
        match scenario {
            "health" => drop(self.ask(Method::GET, "/api/v1/health/live", None, 200).await),
            "me" => drop(self.ask(Method::GET, "/api/v1/users/me", None, 200).await),
            "page" => drop(self.ask(Method::GET, "/api/v1/users?limit=20", None, 200).await),
            "change" => {
                let name = json!({"full_name": "Ada Lovelace"});
                self.ask(Method::PATCH, "/api/v1/users/me", Some(&name), 200).await;
            }
            "refresh" => {
                let token = json!({"refresh_token": self.refresh});
                let tokens = self.ask(Method::POST, "/api/v1/auth/refresh", Some(&token), 200).await;
                self.keep(&tokens);
            }
            "unauthorized" => {
                let access = std::mem::take(&mut self.access);
                self.ask(Method::GET, "/api/v1/users/me", None, 401).await;
                self.access = access;
            }
            "nowhere" => drop(self.ask(Method::GET, "/api/v1/nowhere", None, 404).await),
            _ => panic!("there is no scenario {scenario}"),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>, status: u16) -> Value {
        let mut request = self.client.request(method, format!("{}{path}", self.process.url));
        if !self.access.is_empty() {
            request = request.bearer_auth(&self.access);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}: {}", self.process.log());
        answer.json().await.unwrap()
    }

    fn keep(&mut self, tokens: &Value) {
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        (self.access, self.refresh) = (text("access_token"), text("refresh_token"));
    }

    /// Tells callgrind to begin anew or to write down what it has counted.
    fn tell(&self, what: &str) {
        let pid = format!("--pid={}", self.process.id());
        let mut command = Command::new("vgdb");
        let told = command.args([&pid, what]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(told.unwrap().success(), "callgrind does not {what}");
    }
}
