//! Connections to a SQLite file.

use std::path::Path;
use std::time::Duration;

use diesel::ConnectionError;
use diesel::result::Error::DatabaseError;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio::time::{Instant, sleep};

use crate::config::PoolSize;
use crate::pool::{FailureLog, Pool};

/// SQLite on a blocking thread, so that it does not hold up other tasks.
pub type SqliteConnection = SyncConnectionWrapper<diesel::SqliteConnection>;

/// The transactions on such a connection.
pub(crate) type SqliteTransactions = <SqliteConnection as AsyncConnection>::TransactionManager;

/// Opens and checks connections.
pub(crate) type SqliteManager = AsyncDieselConnectionManager<SqliteConnection>;

/// How long SQLite waits for another connection that holds the file, in milliseconds.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// The pause before the mode of a file that another connection holds is set again.
const MODE_PAUSE: Duration = Duration::from_millis(5);

/// SQLite runs one writer beside several readers; more readers do not make it faster.
const READERS: u32 = 4;

/// The pools of a file.
pub(crate) struct SqlitePools {
    pub readers: Pool<SqliteManager>,
    pub writer: Pool<SqliteManager>,
}

impl SqlitePools {
    pub(crate) fn new(path: &Path, timeout: Duration) -> Self {
        let pool = |name, query_only, max_size| {
            let size = PoolSize { min_idle: 1, max_size };
            Pool::new(name, manager(path, query_only), size, timeout, FailureLog::On)
        };
        Self { readers: pool("readers", true, READERS), writer: pool("writer", false, 1) }
    }
}

/// Opens connections to this file.
fn manager(path: &Path, query_only: bool) -> SqliteManager {
    // With FULL, an acknowledged commit survives a power cut.
    let pragmas =
        format!("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA query_only = {query_only};");
    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(move |path| {
        let (path, pragmas) = (path.to_owned(), pragmas.clone());
        async move {
            let mut connection = SqliteConnection::establish(&path).await?;
            use_write_ahead_log(&mut connection).await?;
            let set = connection.batch_execute(&pragmas).await;
            set.map_err(ConnectionError::CouldntSetupConfiguration)?;
            Ok(connection)
        }
        .boxed()
    });
    // Checked before use without a query: whether it is open and in no transaction.
    config.recycling_method = RecyclingMethod::CustomFunction(Box::new(|connection| {
        let broken = Err(diesel::result::Error::BrokenTransactionManager);
        std::future::ready(if connection.is_broken() { broken } else { Ok(()) }).boxed()
    }));
    SqliteManager::new_with_config(path.to_string_lossy(), config)
}

/// Lets readers and the writer work side by side, which the file remembers.
///
/// When this changes the file, SQLite waits for connections that use it, but not for one that is
/// about to change it, too: of those that open a file at once, all but one would get an error.
async fn use_write_ahead_log(connection: &mut SqliteConnection) -> Result<(), ConnectionError> {
    let deadline = Instant::now() + Duration::from_millis(BUSY_TIMEOUT_MS.into());
    let pragmas = format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL");
    loop {
        match connection.batch_execute(&pragmas).await {
            Err(error) if is_locked(&error) && Instant::now() < deadline => sleep(MODE_PAUSE).await,
            set => return set.map_err(ConnectionError::CouldntSetupConfiguration),
        }
    }
}

fn is_locked(error: &diesel::result::Error) -> bool {
    matches!(error, DatabaseError(_, info) if info.message() == "database is locked")
}

/// A connection beside the pools, which blocks its thread.
///
/// # Errors
/// When there is none to be had.
pub(crate) fn open(path: &str) -> Result<diesel::SqliteConnection, ConnectionError> {
    let mut connection = <diesel::SqliteConnection as diesel::Connection>::establish(path)?;
    let busy_timeout = format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}");
    diesel::connection::SimpleConnection::batch_execute(&mut connection, &busy_timeout)
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::TryRecvError;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use diesel::Connection as _;
    use diesel::connection::SimpleConnection as _;
    use diesel::sql_types::Text;
    use diesel_async::RunQueryDsl;

    use crate::url::{DatabaseUrl, PoolMode};
    use crate::{Config, Connection, Database, PoolSize, on};

    async fn pragma(connection: &mut Connection, name: &str) -> String {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            value: String,
        }
        // The name of the function's column is the pragma's, but for one.
        let column = if name == "busy_timeout" { "timeout" } else { name };
        let query = format!("SELECT CAST({column} AS TEXT) AS value FROM pragma_{name}");
        let row: Row = on!(connection, |c| diesel::sql_query(query).get_result(c)).unwrap();
        row.value
    }

    fn connect(folder: &Path, name: &str) -> Database {
        let config = Config {
            url: DatabaseUrl::Sqlite(folder.join(name)),
            replica_urls: Vec::new(),
            pool_mode: PoolMode::Session,
            application_name: String::new(),
            pool_size: PoolSize { min_idle: 1, max_size: 1 },
            pool_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
        };
        Database::new(&config).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_connection_to_sqlite_is_durable_patient_and_strict() {
        let folder = tempfile::tempdir().unwrap();
        let database = connect(folder.path(), "test.db");
        let mut connections = vec![(database.write().await.unwrap(), "0")];
        for _ in 0..4 {
            connections.push((database.read(), "1"));
        }
        for (connection, query_only) in &mut connections {
            assert_eq!(pragma(connection, "journal_mode").await, "wal");
            assert_eq!(pragma(connection, "synchronous").await, "2", "FULL");
            assert_eq!(pragma(connection, "foreign_keys").await, "1");
            assert_eq!(pragma(connection, "busy_timeout").await, "5000");
            assert_eq!(pragma(connection, "query_only").await, *query_only);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_others_read_without_a_pause_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("restored.db");
        let open = || diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        open().batch_execute("CREATE TABLE other (id INTEGER)").unwrap();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let stopped = Arc::new(Mutex::new(stopped));
        let readers = [open(), open(), open(), open()].map(|mut reader| {
            let stopped = Arc::clone(&stopped);
            std::thread::spawn(move || {
                reader.batch_execute("PRAGMA busy_timeout = 30000").unwrap();
                while stopped.lock().unwrap().try_recv() == Err(TryRecvError::Empty) {
                    reader.batch_execute("SELECT count(*) FROM other").unwrap();
                }
            })
        });
        let opened = connect(folder.path(), "restored.db").write().await.map(drop);
        drop(stop);
        for reader in readers {
            reader.join().unwrap();
        }
        assert!(opened.is_ok(), "{opened:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn instances_that_open_a_new_file_at_once_all_get_connections() {
        let folder = tempfile::tempdir().unwrap();
        for file in 0..50 {
            let instances = [0; 4].map(|_| connect(folder.path(), &format!("{file}.db")));
            let writers = instances.iter().map(|database| async {
                database.write().await.map(drop)?;
                let mut reader = database.read();
                assert_eq!(pragma(&mut reader, "journal_mode").await, "wal");
                Ok::<_, crate::DbError>(())
            });
            let opened = futures_util::future::try_join_all(writers).await;
            assert!(opened.is_ok(), "file {file}: {opened:?}");
        }
    }
}
