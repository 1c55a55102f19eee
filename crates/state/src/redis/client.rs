//! Connections to Redis, shared by all callers: each is multiplexed and carries many calls at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bb8_redis::RedisConnectionManager;
use bb8_redis::bb8::{self, ManageConnection, RunError};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value};

use crate::url::Servers;

/// A pool whose connections are shared instead of lent: a call clones one and returns it at once.
pub(super) struct RedisClient {
    pool: bb8::Pool<Connector>,
    connector: Connector,
    /// Connections of an earlier generation are replaced before their next use.
    generation: Arc<AtomicU64>,
}

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) servers: Servers,
    timeout: Duration,
    generation: Arc<AtomicU64>,
}

pub(super) struct PooledConnection {
    connection: Connection,
    generation: u64,
}

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl RedisClient {
    pub(super) fn new(servers: Servers, timeout: Duration) -> Self {
        // For rediss://. A provider that was installed before stays.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        // Two connections keep both ends of a server busy (measured: 33 instead of 28 thousand
        // calls per second). A cluster client has one per node by itself.
        let size = if matches!(servers, Servers::Cluster(_)) { 1 } else { 2 };
        let generation = Arc::<AtomicU64>::default();
        let connector = Connector { servers, timeout, generation: Arc::clone(&generation) };
        let pool = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(timeout)
            // The next call tries again; one call waits for one attempt only.
            .retry_connection(false)
            .build_unchecked(connector.clone());
        Self { pool, connector, generation }
    }

    /// Sends one command, connecting before if necessary, without a time limit.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let pooled = self.pool.get().await.map_err(|error| match error {
            RunError::User(error) => error,
            RunError::TimedOut => (ErrorKind::Io, "no connection in time").into(),
        })?;
        let connection = pooled.connection.clone();
        drop(pooled);
        match connection {
            Connection::Server(mut connection) => command.query_async(&mut connection).await,
            Connection::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    /// Subscribes to a channel, without a time limit.
    pub(super) async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        self.connector.subscribe(channel).await
    }

    /// Replaces all connections: a frozen server and a demoted master cause no error that would.
    pub(super) fn reconnect(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }
}

impl Connector {
    /// Connects to a Sentinel or to the server that it names.
    pub(super) async fn connect_to(&self, server: &ConnectionInfo) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None);
        Client::open(server.clone())?.get_multiplexed_async_connection_with_config(&config).await
    }

    async fn connect_to_cluster(&self, nodes: &[ConnectionInfo]) -> RedisResult<ClusterConnection> {
        let client = ClusterClient::builder(nodes.to_vec())
            .connection_timeout(self.timeout)
            .response_timeout(self.timeout)
            // One retry after a redirection; more would exceed the caller's time limit.
            .retries(1)
            .min_retry_wait(1)
            .max_retry_wait(10);
        client.build()?.get_async_connection().await
    }
}

impl ManageConnection for Connector {
    type Connection = PooledConnection;
    type Error = RedisError;

    async fn connect(&self) -> RedisResult<PooledConnection> {
        let generation = self.generation.load(Ordering::Relaxed);
        let connection = match &self.servers {
            Servers::One(server) => {
                let mut connection = RedisConnectionManager::new(server.clone())?.connect().await?;
                // The driver's own limit is half a second; callers have theirs.
                connection.set_response_timeout(Duration::MAX);
                Connection::Server(connection)
            }
            Servers::Sentinel(sentinels) => Connection::Server(self.find_master(sentinels).await?.1),
            Servers::Cluster(nodes) => Connection::Cluster(self.connect_to_cluster(nodes).await?),
        };
        Ok(PooledConnection { connection, generation })
    }

    /// Called before each use, so it must not cost a round trip.
    async fn is_valid(&self, connection: &mut PooledConnection) -> RedisResult<()> {
        if self.has_broken(connection) {
            return Err((ErrorKind::Io, "the connection is to be replaced").into());
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut PooledConnection) -> bool {
        connection.generation != self.generation.load(Ordering::Relaxed)
    }
}
