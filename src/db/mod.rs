//! Connections, units of work and migrations, on PostgreSQL and SQLite alike.

mod connect;
mod connection;
mod error;
pub mod migrations;
mod pool;
#[allow(missing_docs, reason = "generated")]
pub mod schema;
mod tls;
pub mod types;

use std::time::Duration;

pub(crate) use connection::on;
pub use connection::{Connection, Lock};
pub use error::{DbError, Unavailable};

use crate::core::settings::{DatabaseUrl, Settings};
use connect::{PostgresManager, Server, SqliteManager};
use pool::{Pool, PoolSize};

/// SQLite runs one writer beside several readers; more readers than this do not make it faster.
const SQLITE_READERS: u32 = 4;

/// The database of this process.
#[derive(Clone)]
pub struct Database {
    pools: Pools,
}

#[derive(Clone)]
enum Pools {
    Postgres(Pool<PostgresManager>),
    Sqlite { readers: Pool<SqliteManager>, writer: Pool<SqliteManager> },
}

impl Database {
    /// Prepares the pools. Connections are opened when they are first needed, so this succeeds while the
    /// database is away.
    ///
    /// # Errors
    /// [`DbError::Tls`] when the certificates to verify a server with cannot be had.
    pub fn new(settings: &Settings) -> Result<Self, DbError> {
        let timeout = settings.db_pool_timeout;
        let pools = match &settings.database_url {
            DatabaseUrl::Postgres(url) => {
                let size = PoolSize {
                    kept: settings.db_pool_size,
                    most: settings.db_pool_size + settings.db_max_overflow,
                };
                let server = Server::new(url)?.serving(&settings.app_name, settings.db_statement_timeout);
                Pools::Postgres(Pool::new(connect::postgres(server), size, timeout))
            }
            DatabaseUrl::Sqlite(path) => Pools::Sqlite {
                readers: Pool::new(
                    connect::sqlite(path, connect::Mode::ReadOnly),
                    PoolSize { kept: 1, most: SQLITE_READERS },
                    timeout,
                ),
                writer: Pool::new(
                    connect::sqlite(path, connect::Mode::ReadWrite),
                    PoolSize { kept: 1, most: 1 },
                    timeout,
                ),
            },
        };
        Ok(Self { pools })
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when none can be had in time.
    pub async fn read(&self) -> Result<Connection, DbError> {
        Ok(match &self.pools {
            Pools::Postgres(pool) => Connection::Postgres(pool.get().await?),
            Pools::Sqlite { readers, .. } => Connection::Sqlite(readers.get().await?),
        })
    }

    /// A connection on which each statement is its own transaction: for a unit of work of one statement.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when none can be had in time.
    pub async fn write(&self) -> Result<Connection, DbError> {
        Ok(match &self.pools {
            Pools::Postgres(pool) => Connection::Postgres(pool.get().await?),
            Pools::Sqlite { writer, .. } => Connection::Sqlite(writer.get().await?),
        })
    }

    /// Runs `work` as one unit of work on one connection: all of it is kept, or, on any error, nothing.
    ///
    /// # Errors
    /// Those of `work`; [`DbError::Unavailable`] when no connection can be had in time.
    pub async fn transaction<T, E: From<DbError>>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.write().await?.transaction(work).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When there is none within `limit`.
    pub async fn ping(&self, limit: Duration) -> Result<(), DbError> {
        let probe = async { self.read().await?.ping().await };
        tokio::time::timeout(limit, probe).await.map_err(|_| DbError::Unavailable(Unavailable::NoAnswer))?
    }

    /// Which database this is: `postgresql` or `sqlite`.
    pub fn tier(&self) -> &'static str {
        match self.pools {
            Pools::Postgres(_) => "postgresql",
            Pools::Sqlite { .. } => "sqlite",
        }
    }
}
