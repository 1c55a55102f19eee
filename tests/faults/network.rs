//! Faults of the network between the service and PostgreSQL.

use crate::faults::scene::{SHORT_TIMEOUTS, survives};
use crate::support::process::Process;
use crate::support::{Backend, Proxy, TestDatabase};

async fn started() -> (TestDatabase, Proxy, Process) {
    let database = TestDatabase::create(Backend::Postgres).await;
    let proxy = Proxy::to(&database.url).await;
    let service =
        Process::start(&[&[("DATABASE_URL", proxy.url.as_str())], &SHORT_TIMEOUTS[..]].concat()).await;
    (database, proxy, service)
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_during_writes_lose_nothing_that_was_acknowledged() {
    let (database, proxy, service) = started().await;
    let (cut, restore) = (async || proxy.cut().await, async || proxy.restore().await);
    survives("connections to PostgreSQL cut", &service, &database, cut, restore).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn connections_reset_during_writes_lose_nothing_that_was_acknowledged() {
    let (database, proxy, service) = started().await;
    let (reset, restore) = (async || proxy.reset().await, async || proxy.restore().await);
    survives("connections to PostgreSQL reset", &service, &database, reset, restore).await;
}

#[ignore = "needs PostgreSQL"]
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_drops_packets_during_writes_loses_nothing_that_was_acknowledged() {
    let (database, proxy, service) = started().await;
    let freeze = async || proxy.freeze().await;
    survives("PostgreSQL takes connections and says nothing", &service, &database, freeze, async || {
        proxy.thaw();
        proxy.restore().await;
    })
    .await;
}
