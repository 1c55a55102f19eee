//! Follows the primary among several hosts. A host that hangs or is cut off says nothing, and
//! connections to it look alive for a long time.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::server::{CONNECT_TIMEOUT, Server};

/// How often the primary is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to answer before the other hosts are tried too.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Watches the primary until it is dropped.
pub(super) struct PrimaryWatch {
    server: Server,
    task: OnceLock<JoinHandle<()>>,
}

impl PrimaryWatch {
    pub(super) fn new(server: Server) -> Self {
        Self { server, task: OnceLock::new() }
    }

    /// Begins, once.
    pub(super) fn begin(&self) {
        self.task.get_or_init(|| tokio::spawn(follow(self.server.clone())));
    }
}

impl Drop for PrimaryWatch {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

async fn follow(server: Server) {
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
        let Ok(Ok((client, host))) = timeout(CONNECT_TIMEOUT, server.client()).await else {
            continue;
        };
        if primary.is_some_and(|primary| primary != host) {
            server.generations().cut();
            tracing::warn!(server = server.name_of(host), "another database server takes writes now");
        }
        primary = Some(host);
        kept = Some(client);
    }
}

/// Whether it answers and still takes writes.
async fn is_primary(client: &Client) -> bool {
    let asked = timeout(ANSWER_LIMIT, client.simple_query("SHOW transaction_read_only")).await;
    let Ok(Ok(messages)) = asked else { return false };
    messages
        .iter()
        .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("off")))
}
