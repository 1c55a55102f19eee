//! PostgreSQL: a primary, perhaps with several hosts, and its replicas.

mod connection;
mod connector;
mod generation;
mod migration;
mod notifications;
mod primary;
mod replica_checks;
mod replicas;
mod row;
mod session;
mod shared;
mod statement;
mod tls;

pub use connection::PostgresConnection;
pub(crate) use connector::PgConnector;
pub(crate) use migration::MigrationConnection;
pub use notifications::Notifications;
pub use replicas::{MAX_LAG, ReplicaReport, ReplicaState, UnhealthyReason};

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::task::JoinSet;

use crate::config::Config;
use crate::error::DbError;
use crate::pool::{FailureLog, Pool, Usage};
use crate::url::PostgresUrl;
use replicas::Replica;
use row::Answer;
use shared::SharedConnections;
use statement::Statement;

/// The pools of a primary and its replicas.
pub struct PostgresPools {
    server: PgConnector,
    pub(crate) primary: SharedConnections,
    /// In the order of the configuration.
    pub(crate) replicas: Vec<Arc<Replica>>,
    next_replica: AtomicUsize,
    /// They end with this.
    tasks: OnceLock<JoinSet<()>>,
}

impl PostgresPools {
    /// # Errors
    /// [`DbError::Tls`].
    pub(crate) fn new(url: &PostgresUrl, config: &Config) -> Result<Self, DbError> {
        let server = |url: &PostgresUrl| {
            let server = PgConnector::new(url, config.pool_mode)?;
            Ok::<_, DbError>(server.for_requests(&config.application_name, config.statement_timeout))
        };
        let pool = |name, server, log| {
            SharedConnections::new(Pool::new(name, server, config.pool_size, config.pool_timeout, log))
        };
        let replica = |url: &PostgresUrl| {
            let server = server(url)?;
            let connections = pool("replica", server.clone(), FailureLog::Off);
            Ok(Arc::new(Replica::new(url.server(), server, connections)))
        };
        let replicas = config.replica_urls.iter().map(replica).collect::<Result<_, DbError>>()?;
        let server = server(url)?;
        let primary = pool("primary", server.clone(), FailureLog::On);
        Ok(Self { server, primary, replicas, next_replica: AtomicUsize::new(0), tasks: OnceLock::new() })
    }

    /// Whether sessions are kept, so that they can listen.
    pub(crate) fn has_sessions(&self) -> bool {
        self.server.has_sessions()
    }

    pub(crate) async fn listen(&self, channel: &str) -> Option<Notifications> {
        self.server.listen(channel).await
    }

    /// Begins to follow the primary and to check the replicas.
    pub(crate) fn watch(&self) {
        self.tasks.get_or_init(|| {
            let mut tasks = JoinSet::new();
            if self.server.has_several_hosts() {
                tasks.spawn(primary::follow(self.server.clone()));
            }
            if !self.replicas.is_empty() {
                tasks.spawn(replica_checks::run(self.server.clone(), self.replicas.clone()));
            }
            tasks
        });
    }

    /// Runs a statement that only reads: on a replica where that may lag and one is healthy, else
    /// on the primary. It may be sent twice.
    async fn read(&self, statement: &Statement, may_lag: bool) -> Result<Answer, DbError> {
        if may_lag
            && let Some(replica) = self.choose_replica()
            && let Some(result) = replica.read(statement).await
        {
            return result;
        }
        self.primary.read(statement).await
    }

    /// The next used replica, in turn.
    fn choose_replica(&self) -> Option<&Replica> {
        let start = self.next_replica.fetch_add(1, Ordering::Relaxed) % self.replicas.len().max(1);
        let (before, from) = self.replicas.split_at_checked(start)?;
        from.iter().chain(before).map(Arc::as_ref).find(|replica| replica.is_used())
    }

    /// The use of each pool; that of the replicas in sum.
    pub(crate) fn usage(&self) -> impl Iterator<Item = (&'static str, Usage)> {
        let replicas = self.replicas.iter().map(|replica| replica.usage()).reduce(|sum, pool| Usage {
            used: sum.used + pool.used,
            idle: sum.idle + pool.idle,
            max_size: sum.max_size + pool.max_size,
        });
        let primary = ("primary", self.primary.pool.usage());
        std::iter::once(primary).chain(replicas.map(|sum| ("replica", sum)))
    }
}
