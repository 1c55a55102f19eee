//! PostgreSQL: a primary, perhaps with several hosts, and its replicas.

mod connection;
mod executor;
mod generation;
mod hosts;
mod migration;
mod primary;
mod replicas;
mod row;
mod server;
mod server_error;
mod session;
mod shared;
mod statement;
mod tls;

pub(crate) use connection::PostgresManager;
pub use executor::PostgresExecutor;
pub(crate) use migration::MigrationConnection;
pub use replicas::{MAX_LAG, ReplicaReport, ReplicaState, UnhealthyReason};
pub(crate) use server_error::ServerError;

use crate::config::Config;
use crate::error::DbError;
use crate::pool::{Failures, Pool, PooledConnection, Usage};
use crate::url::{PoolMode, PostgresUrl};
use primary::PrimaryWatch;
use replicas::Replicas;
use server::Server;
use shared::SharedConnections;
use statement::{Answer, Statement};

/// The pools of a primary and its replicas.
pub struct PostgresPools {
    primary: SharedConnections,
    replicas: Option<Replicas>,
    /// `None` for a single host.
    watch: Option<PrimaryWatch>,
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
            let manager = PostgresManager::new(server);
            SharedConnections::new(Pool::new(name, manager, config.pool_size, config.pool_timeout, failures))
        };
        let primary = server(url)?;
        let replicas = config.replica_urls.iter().map(|url| {
            let server = server(url)?;
            let connections = pool("replica", server.clone(), Failures::unlogged());
            Ok((url.server(), server, connections))
        });
        let replicas: Vec<_> = replicas.collect::<Result<_, DbError>>()?;
        Ok(Self {
            replicas: (!replicas.is_empty()).then(|| Replicas::new(primary.clone(), replicas)),
            watch: primary.has_several_hosts().then(|| PrimaryWatch::new(primary.clone())),
            primary: pool("primary", primary, Failures::logged()),
        })
    }

    /// Begins to follow the primary and to check the replicas.
    pub(crate) fn watch(&self) {
        if let Some(watch) = &self.watch {
            watch.begin();
        }
        if let Some(replicas) = &self.replicas {
            replicas.watch();
        }
    }

    /// A connection to the primary.
    ///
    /// # Errors
    /// As [`Pool::get`].
    pub(crate) async fn get(&self) -> Result<PooledConnection<PostgresManager>, DbError> {
        self.primary.pool().get().await
    }

    /// Runs a statement that only reads: on a replica where that may lag and one is healthy, else on the
    /// primary. It may be sent twice.
    async fn read(&self, statement: &Statement, may_lag: bool) -> Result<Answer, DbError> {
        if let (true, Some(replicas)) = (may_lag, &self.replicas)
            && let Some(result) = replicas.read(statement).await
        {
            return result;
        }
        self.primary.read(statement).await
    }

    pub(crate) fn has_replicas(&self) -> bool {
        self.replicas.is_some()
    }

    /// Each replica, in the order of the configuration.
    pub(crate) fn replicas(&self) -> Vec<ReplicaReport> {
        self.replicas.as_ref().map(Replicas::report).unwrap_or_default()
    }

    /// The use of each pool; that of the replicas in sum.
    pub(crate) fn usage(&self) -> impl Iterator<Item = (&'static str, Usage)> {
        let replicas = self.replicas.as_ref().map(|replicas| ("replica", replicas.usage()));
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
