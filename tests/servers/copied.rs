//! A service on a primary and its replica.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use groundwork_database::{Database, ReplicaState, UnhealthyReason};
use serde_json::json;

use crate::support::client::{Answer, PASSWORD, TestUser, fresh_email};
use crate::support::postgres::{Server, eventually};
use crate::support::{Call, Instance, Service, settings};

/// How soon a replica that is not well is left out, the time of a busy machine included.
pub const NOTICED: Duration = Duration::from_secs(20);

/// A primary, a replica that follows it, a service on both, and a superuser.
pub struct Copied {
    pub service: Service,
    pub admin: TestUser,
    /// Sees what the service sees of the replica, for reports.
    pub watching: Database,
    pub replica: Server,
    pub primary: Server,
}

impl Copied {
    pub async fn start() -> Self {
        let primary = Server::start(&[]).await;
        let replica = primary.replica(&["hot_standby=on"]).await;
        let extra = [("DATABASE_REPLICA_URLS", replica.url("127.0.0.1", ""))];
        // Statements that a test holds up are not cancelled meanwhile.
        let patient = [extra[0].clone(), ("DB_STATEMENT_TIMEOUT", "60".to_owned())];
        let watching = Database::new(&(&settings(&primary.url("127.0.0.1", ""), &patient)).into()).unwrap();
        let service = Service::start_on(primary.database(), &extra).await;
        let admin = service.superuser().await;
        watching.watch();
        let copied = Self { service, admin, watching, replica, primary };
        copied.in_use().await;
        copied
    }

    pub fn state(&self) -> ReplicaState {
        self.watching.replicas().remove(0).state
    }

    pub async fn in_use(&self) {
        eventually("the replica is in use", async || {
            (self.state() == ReplicaState::Used && self.is_read(&self.service.instance, &self.admin).await)
                .then_some(())
        })
        .await;
    }

    pub async fn left_out(&self, why: impl Fn(&UnhealthyReason) -> bool) {
        eventually("the replica is left out", async || match self.state() {
            ReplicaState::Ejected(trouble) if why(&trouble) => Some(()),
            _ => None,
        })
        .await;
    }

    /// Whether a list that this user asks this instance for comes from the replica.
    pub async fn is_read(&self, instance: &Instance, user: &TestUser) -> bool {
        let now = self.replica.database().sql("SELECT clock_timestamp()::text").await.unwrap();
        list(instance, user).await.expect(200);
        let queries = format!(
            "SELECT COUNT(*)::text FROM pg_stat_activity WHERE application_name = 'Groundwork' \
             AND query LIKE '%FROM \"users\"%' AND query_start >= '{now}'"
        );
        self.replica.database().sql(&queries).await.as_deref() != Some("0")
    }

    pub async fn pause(&self) {
        self.replica.database().sql("SELECT pg_wal_replay_pause()").await;
        eventually("replay pauses", async || {
            let state = self.replica.database().sql("SELECT pg_get_wal_replay_pause_state()").await;
            (state.as_deref() == Some("paused")).then_some(())
        })
        .await;
    }

    pub async fn go_on(&self) {
        self.replica.database().sql("SELECT pg_wal_replay_resume()").await;
    }

    /// Makes a user; its address.
    pub async fn create(&self, by: &TestUser) -> (i64, String) {
        let email = fresh_email();
        let body = json!({"email": email, "password": PASSWORD});
        let made = self.service.by(by, "POST", "/api/v1/users").json(body).send().await.expect(201).json();
        (made["id"].as_i64().unwrap(), email)
    }

    /// Asks for lists all the while; each must be answered, and in time.
    pub async fn lists_go_on(&self, until: impl AsyncFn() -> bool) {
        let limit = Instant::now() + NOTICED;
        loop {
            let start = Instant::now();
            let calls = (0..4).map(|_| list(&self.service.instance, &self.admin));
            for answer in join_all(calls).await {
                answer.expect(200);
            }
            let took = start.elapsed();
            assert!(took < Duration::from_secs(12), "{took:?}");
            if until().await {
                return;
            }
            assert!(Instant::now() < limit, "not noticed: {:?}", self.state());
        }
    }
}

pub async fn list(instance: &Instance, by: &TestUser) -> Answer {
    Call::new(&instance.url, "GET", "/api/v1/users?limit=100").bearer(&by.access).send().await
}

pub async fn lists(instance: &Instance, by: &TestUser, email: &str) -> bool {
    list(instance, by).await.expect(200).text.contains(&format!("\"{email}\""))
}
