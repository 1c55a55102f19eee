//! Instructions and allocations per request of the release build, counted by callgrind and compared
//! with committed figures. No clock is read, so a busy machine changes nothing. `tests/database`
//! and `tests/state` count queries and calls of Redis.
//!
//! `UPDATE_GENERATED=1` writes the figures instead.

mod callgrind;
mod figures;
mod scenarios;

use crate::support::Backend;
use crate::support::redis::RedisServer;

use figures::Figures;
use scenarios::{Measured, SCENARIOS};

#[ignore = "needs valgrind, PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn requests_cost_the_committed_figures_on_postgresql() {
    Figures::hold("postgresql", &Measured::start(Backend::Postgres, &[]).await.run(&SCENARIOS).await);
}

#[ignore = "needs valgrind, PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn requests_cost_the_committed_figures_on_sqlite() {
    Figures::hold("sqlite", &Measured::start(Backend::Sqlite, &[]).await.run(&SCENARIOS).await);
}

#[ignore = "needs valgrind, PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn limits_in_redis_and_in_process_cost_the_committed_figures() {
    let redis = RedisServer::start().await;
    let limited = [("RATE_LIMIT_ENABLED", "true")];
    let in_process = Measured::start(Backend::Sqlite, &limited).await.run(&["me"]).await;
    let shared = [limited[0], ("REDIS_URL", &redis.url())];
    let in_redis = Measured::start(Backend::Sqlite, &shared).await.run(&["me"]).await;
    let named = |name: &str, counted: &scenarios::Counted| (name.to_owned(), counted["me"]);
    Figures::hold("limits", &[named("in process", &in_process), named("in redis", &in_redis)].into());
}

#[ignore = "needs valgrind, PostgreSQL and Redis"]
#[tokio::test(flavor = "multi_thread")]
async fn one_more_redis_call_per_request_is_found() {
    // The regression: one more call of Redis for each request.
    let redis = RedisServer::start().await;
    let more = [("RATE_LIMIT_ENABLED", "true"), ("REDIS_URL", &redis.url())];
    let counted = Measured::start(Backend::Sqlite, &more).await.run(&["me"]).await;
    let complaints = Figures::committed("sqlite").differences(&counted);
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(complaints.iter().all(|complaint| complaint.contains("costs more")), "{complaints:?}");
}
