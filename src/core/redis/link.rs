//! Connections to Redis. Each carries the calls of many callers at once, so few are needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bb8_redis::RedisConnectionManager;
use bb8_redis::bb8::{self, ManageConnection};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, Value};

use super::sentinel::Sentinels;
use crate::core::settings::RedisUrl;

/// Connections to one server. A second one keeps both ends busy (measured: 33 instead of 28 thousand calls a second);
/// a cluster's has one to every node.
const CONNECTIONS: u32 = 2;

/// A pool of connections that are shared instead of lent: a caller takes a clone and gives the loan back at once.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pool: bb8::Pool<Manager>,
    generation: Arc<AtomicU64>,
}

impl Link {
    pub(super) fn new(url: &RedisUrl, timeout: Duration) -> RedisResult<Self> {
        // For rediss://. It stays as it is when somebody has chosen before.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (opener, size) = match url {
            RedisUrl::Server(url) => {
                (Opener::Server(RedisConnectionManager::new(url.expose())?), CONNECTIONS)
            }
            RedisUrl::Sentinel(url) => (Opener::Sentinel(Sentinels::new(url, timeout)?), CONNECTIONS),
            RedisUrl::Cluster { .. } => (Opener::cluster(url, timeout)?, 1),
        };
        let generation = Arc::<AtomicU64>::default();
        let manager = Manager { opener, generation: Arc::clone(&generation) };
        let pool = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(timeout)
            // Whoever asks next tries again: one caller's wait is short.
            .retry_connection(false)
            .build_unchecked(manager);
        Ok(Self { pool, generation })
    }

    /// Sends one command. It has no time limit of its own.
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut wire = self.pool.get().await.map_err(cannot_connect)?.wire.clone();
        match &mut wire {
            Wire::Server(connection) => command.query_async(connection).await,
            Wire::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Closes all connections once nobody waits on them: what is broken does not say so itself.
    pub(super) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }
}

fn cannot_connect(error: bb8::RunError<RedisError>) -> RedisError {
    match error {
        bb8::RunError::User(error) => error,
        bb8::RunError::TimedOut => (ErrorKind::Io, "no connection in time").into(),
    }
}

#[derive(Debug)]
struct Manager {
    opener: Opener,
    generation: Arc<AtomicU64>,
}

#[allow(clippy::large_enum_variant, reason = "a process has one")]
enum Opener {
    Server(RedisConnectionManager),
    Sentinel(Sentinels),
    Cluster(ClusterClient),
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Server(_) => "Server",
            Self::Sentinel(_) => "Sentinel",
            Self::Cluster(_) => "Cluster",
        })
    }
}

impl Opener {
    fn cluster(url: &RedisUrl, timeout: Duration) -> RedisResult<Self> {
        let client = ClusterClient::builder(url.expose_nodes())
            .connection_timeout(timeout)
            .response_timeout(timeout)
            // One more after a redirection; longer than the caller waits it could not help.
            .retries(1)
            .min_retry_wait(1)
            .max_retry_wait(10)
            .build()?;
        Ok(Self::Cluster(client))
    }
}

#[derive(Debug)]
struct Connection {
    wire: Wire,
    generation: u64,
}

#[derive(Clone)]
enum Wire {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = RedisError;

    async fn connect(&self) -> RedisResult<Connection> {
        let generation = self.generation.load(Ordering::Relaxed);
        let mut wire = match &self.opener {
            Opener::Server(manager) => Wire::Server(manager.connect().await?),
            Opener::Sentinel(sentinels) => Wire::Server(sentinels.connect().await?),
            Opener::Cluster(client) => Wire::Cluster(client.get_async_connection().await?),
        };
        if let Wire::Server(connection) = &mut wire {
            // The driver would give up after half a second; how long a call may take, its caller says.
            connection.set_response_timeout(Duration::MAX);
        }
        Ok(Connection { wire, generation })
    }

    /// Asked before each use, so without a question to the server.
    async fn is_valid(&self, connection: &mut Connection) -> RedisResult<()> {
        if self.has_broken(connection) {
            return Err((ErrorKind::Io, "the connection was given up").into());
        }
        Ok(())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.generation != self.generation.load(Ordering::Relaxed)
    }
}
