//! Follows the primary among several hosts. A host that hangs or is cut off says nothing, and
//! connections to it look alive for a long time.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::Client;

use super::connector::PgConnector;
use super::row::first_row;
use super::session::CONNECT_TIMEOUT;

/// How often the primary is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to answer before the other hosts are tried too.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Cuts the connections of a primary that another host has replaced. Runs until it is aborted.
pub(super) async fn follow(server: PgConnector) {
    // The host that took writes last.
    let mut primary = None;
    let mut kept: Option<Client> = None;
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(client) = &kept
            && is_primary(client).await
        {
            continue;
        }
        // One that is merely slow is found again, and its pooled connections stay.
        kept = None;
        let Ok(Ok((client, _, host))) = timeout(CONNECT_TIMEOUT, server.connect()).await else {
            continue;
        };
        if primary.is_some_and(|primary| primary != host) {
            server.cut();
            tracing::warn!(server = server.name_of(host), "another database server takes writes now");
        }
        primary = Some(host);
        kept = Some(client);
    }
}

/// Whether it answers and still takes writes.
async fn is_primary(client: &Client) -> bool {
    let asked = timeout(ANSWER_LIMIT, first_row(client, "SHOW transaction_read_only")).await;
    matches!(asked, Ok(Ok(Some(row))) if row.get(0) == Some("off"))
}
