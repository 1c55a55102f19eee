//! PostgreSQL: a primary, perhaps with several hosts, and its replicas.

mod executor;
mod generation;
mod migration;
mod primary;
mod replicas;
mod row;
mod server;
mod session;
mod shared;
mod statement;
mod tls;

pub use executor::PostgresExecutor;
pub(crate) use migration::MigrationConnection;
pub use replicas::{MAX_LAG, ReplicaReport, ReplicaState, UnhealthyReason};
pub(crate) use server::Server;

use std::sync::OnceLock;

use tokio::task::JoinSet;

use crate::config::Config;
use crate::error::DbError;
use crate::pool::{Failures, Pool, PooledConnection, Usage};
use crate::url::{PoolMode, PostgresUrl};
use replicas::Replicas;
use row::Answer;
use shared::SharedConnections;
use statement::Statement;

/// The pools of a primary and its replicas.
pub struct PostgresPools {
    server: Server,
    primary: SharedConnections,
    replicas: Replicas,
    /// They end with this.
    tasks: OnceLock<JoinSet<()>>,
}

impl PostgresPools {
    /// # Errors
    /// [`DbError::Tls`].
    pub(crate) fn new(url: &PostgresUrl, config: &Config) -> Result<Self, DbError> {
        let server = |url: &PostgresUrl| {
            let server = Server::new(url, config.pool_mode)?;
            Ok::<_, DbError>(server.for_requests(&config.application_name, config.statement_timeout))
        };
        let pool = |name, server, failures| {
            SharedConnections::new(Pool::new(name, server, config.pool_size, config.pool_timeout, failures))
        };
        let replicas = config.replica_urls.iter().map(|url| {
            let server = server(url)?;
            let connections = pool("replica", server.clone(), Failures::unlogged());
            Ok((url.server(), server, connections))
        });
        let replicas = Replicas::new(replicas.collect::<Result<Vec<_>, DbError>>()?);
        let server = server(url)?;
        let primary = pool("primary", server.clone(), Failures::logged());
        Ok(Self { server, primary, replicas, tasks: OnceLock::new() })
    }

    /// Begins to follow the primary and to check the replicas.
    pub(crate) fn watch(&self) {
        self.tasks.get_or_init(|| {
            let mut tasks = JoinSet::new();
            if self.server.has_several_hosts() {
                tasks.spawn(primary::follow(self.server.clone()));
            }
            if self.has_replicas() {
                tasks.spawn(self.replicas.check(self.server.clone()));
            }
            tasks
        });
    }

    /// A connection to the primary.
    ///
    /// # Errors
    /// As [`Pool::get`].
    pub(crate) async fn get(&self) -> Result<PooledConnection<Server>, DbError> {
        self.primary.pool().get().await
    }

    /// Runs a statement that only reads: on a replica where that may lag and one is healthy, else
    /// on the primary. It may be sent twice.
    async fn read(&self, statement: &Statement, may_lag: bool) -> Result<Answer, DbError> {
        if may_lag && let Some(result) = self.replicas.read(statement).await {
            return result;
        }
        self.primary.read(statement).await
    }

    pub(crate) fn has_replicas(&self) -> bool {
        !self.replicas.is_empty()
    }

    /// Each replica, in the order of the configuration.
    pub(crate) fn replicas(&self) -> Vec<ReplicaReport> {
        self.replicas.report()
    }

    /// The use of each pool; that of the replicas in sum.
    pub(crate) fn usage(&self) -> impl Iterator<Item = (&'static str, Usage)> {
        let replicas = self.has_replicas().then(|| ("replica", self.replicas.usage()));
        std::iter::once(("primary", self.primary.usage())).chain(replicas)
    }
}

/// Opens a connection for migrations.
///
/// # Errors
/// When none can be opened.
pub(crate) async fn migration_connection(
    url: &PostgresUrl,
    mode: PoolMode,
) -> Result<MigrationConnection, DbError> {
    let session = Server::new(url, mode)?.open().await.map_err(|error| DbError::cannot_connect(&error))?;
    Ok(MigrationConnection::new(session))
}
