//! Connections to Redis, shared by all callers: each is multiplexed and carries many calls at once.
//!
//! Not the driver's connection manager: it reconnects when a connection reports an error, and a frozen
//! server or a demoted master causes none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisResult, Value};

use super::sentinel::Sentinels;
use crate::url::RedisUrl;

/// Connections to one server. A second one keeps both ends busy (measured: 33 instead of 28 thousand
/// calls per second). A cluster client has one connection per node.
const CONNECTIONS: usize = 2;

pub(super) struct RedisClient {
    connector: Arc<Connector>,
    connections: Vec<Slot>,
    next: AtomicUsize,
}

/// A connection, or the attempt that all callers wait for.
type Slot = Mutex<Option<Shared<BoxFuture<'static, RedisResult<RedisConnection>>>>>;

impl RedisClient {
    pub(super) fn new(url: &RedisUrl, timeout: Duration) -> RedisResult<Self> {
        // For rediss://. A provider that was installed before stays.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (connector, count) = match url {
            RedisUrl::Server(url) => (Connector::Server(Client::open(url.expose())?), CONNECTIONS),
            RedisUrl::Sentinel(url) => (Connector::Sentinel(Sentinels::new(url, timeout)?), CONNECTIONS),
            RedisUrl::Cluster { .. } => (Connector::cluster(url, timeout)?, 1),
        };
        let connections = std::iter::repeat_with(Slot::default).take(count).collect();
        Ok(Self { connector: Arc::new(connector), connections, next: AtomicUsize::new(0) })
    }

    /// Sends one command, connecting before if necessary, without a time limit.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match self.connection().await? {
            RedisConnection::Server(mut connection) => command.query_async(&mut connection).await,
            RedisConnection::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    async fn connection(&self) -> RedisResult<RedisConnection> {
        let slot = &self.connections[self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len()];
        let connection = slot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| {
                let connector = Arc::clone(&self.connector);
                async move { connector.connect().await }.boxed().shared()
            })
            .clone();
        connection.await.inspect_err(|_| clear(slot))
    }

    /// Replaces all connections. The present ones close when the calls that use them have ended.
    pub(super) fn reconnect(&self) {
        self.connections.iter().for_each(clear);
    }
}

fn clear(slot: &Slot) {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take();
}

#[derive(Clone)]
enum RedisConnection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

enum Connector {
    Server(Client),
    Sentinel(Sentinels),
    Cluster(ClusterClient),
}

impl Connector {
    fn cluster(url: &RedisUrl, timeout: Duration) -> RedisResult<Self> {
        let client = ClusterClient::builder(url.expose_nodes())
            .connection_timeout(timeout)
            .response_timeout(timeout)
            // One retry after a redirection; more would exceed the caller's time limit.
            .retries(1)
            .min_retry_wait(1)
            .max_retry_wait(10)
            .build()?;
        Ok(Self::Cluster(client))
    }

    async fn connect(&self) -> RedisResult<RedisConnection> {
        Ok(match self {
            Self::Server(client) => {
                // The driver's own limit is half a second; the caller has its own.
                let config = AsyncConnectionConfig::new().set_response_timeout(None);
                RedisConnection::Server(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Self::Sentinel(sentinels) => RedisConnection::Server(sentinels.connect().await?),
            Self::Cluster(client) => RedisConnection::Cluster(client.get_async_connection().await?),
        })
    }
}
