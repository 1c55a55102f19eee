//! How a connection is opened and set up.

use std::path::Path;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::DbError;
use super::generation::Generations;
use super::hosts::{Connected, Hosts};
use super::postgres::{Manner, PostgresManager, Session};
use super::tls;
use crate::core::settings::{PoolMode, PostgresUrl};

/// SQLite behind a thread, so that it does not block the others.
pub(super) type SqliteConnection = SyncConnectionWrapper<diesel::SqliteConnection>;

/// Opens and checks connections to SQLite.
pub(super) type SqliteManager = AsyncDieselConnectionManager<SqliteConnection>;

/// How long opening a connection may take, until it can be used.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a silent network may keep a connection that looks alive.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
/// When an idle connection is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// How long SQLite waits for another process that holds the file, in milliseconds.
pub(super) const SQLITE_BUSY_TIMEOUT_MS: u32 = 5_000;

/// A server of PostgreSQL, or several that stand for one, and how to reach it, without libpq.
#[derive(Clone)]
pub(super) struct Server {
    hosts: Hosts,
    tls: MakeRustlsConnect,
    generations: Generations,
    manner: Manner,
}

/// A parameter of our own, by which a session shows that it was begun as it was asked for.
const BEGUN_AS_ASKED: &str = "groundwork.session";

/// What to do where a session is not one.
pub(super) const POOLED: &str = "behind a connection pooler that shares sessions between transactions, set DB_POOL_MODE=transaction; \
     MIGRATION_DATABASE_URL has to lead to the server itself";

impl Server {
    /// # Errors
    /// When the certificates to verify with cannot be had.
    pub(super) fn new(url: &PostgresUrl, mode: PoolMode) -> Result<Self, DbError> {
        let mut config = url.config().clone();
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .tcp_user_timeout(TCP_USER_TIMEOUT);
        let manner = match mode {
            PoolMode::Session => Manner::Prepared,
            PoolMode::Transaction => Manner::Unnamed { timeout: None },
        };
        let (hosts, tls) = (Hosts::of(&config), tls::connector(url.tls())?);
        let mut server = Self { hosts, tls, generations: Generations::default(), manner };
        // A session that is shared has no parameters of its own: poolers refuse them, and transactions set theirs.
        if mode == PoolMode::Session {
            server.set("TimeZone", "UTC");
            server.set(BEGUN_AS_ASKED, "yes");
        }
        Ok(server)
    }

    /// The same for serving requests.
    pub(super) fn serving(mut self, app_name: &str, statement_timeout: Duration) -> Self {
        self.hosts.configure(|config| {
            config.application_name(app_name);
        });
        // A query whose caller has left would otherwise run on, and hold the connection.
        match &mut self.manner {
            Manner::Prepared => self.set("statement_timeout", &statement_timeout.as_millis().to_string()),
            Manner::Unnamed { timeout } => *timeout = Some(statement_timeout),
        }
        self
    }

    /// Sets a parameter of each session from its start.
    fn set(&mut self, name: &str, value: &str) {
        self.hosts.configure(|config| {
            let given = config.get_options().unwrap_or_default().to_owned();
            config.options(format!("{given} -c {name}={value}").trim());
        });
    }

    /// A connection for queries that diesel makes.
    pub(super) async fn open(&self) -> Result<Session, ConnectionError> {
        let connect = async {
            let (client, driver, _) = self.connect().await?;
            let session = Session::new(client, driver, self.manner);
            if self.manner == Manner::Prepared && !session.has_setting(BEGUN_AS_ASKED).await? {
                let problem = format!("the server has ignored the options of the session; {POOLED}");
                return Err(ConnectionError::BadConnection(problem));
            }
            Ok(session)
        };
        // The driver's own limit ends with the TCP handshake; a frozen server takes that and says nothing more.
        let silent = |_| ConnectionError::BadConnection("the server does not answer".to_owned());
        tokio::time::timeout(CONNECT_TIMEOUT, connect).await.map_err(silent)?
    }

    /// A connection for a query that diesel does not make. The caller limits how long it may take.
    pub(super) async fn client(&self) -> Result<Client, ConnectionError> {
        Ok(self.client_and_host().await?.0)
    }

    /// The same, and which of the hosts it is to.
    pub(super) async fn client_and_host(&self) -> Result<(Client, usize), ConnectionError> {
        let (client, _, host) = self.connect().await?;
        Ok((client, host))
    }

    /// The client, the task that ends when the client is dropped, and the host; what goes wrong, the client says.
    async fn connect(&self) -> Result<(Client, JoinHandle<()>, usize), ConnectionError> {
        let Connected { host, client, driver } =
            self.hosts.connect(&self.tls, |error| self.reason(error)).await?;
        Ok((client, tokio::spawn(async move { drop(driver.await) }), host))
    }

    /// Whether several hosts stand for it.
    pub(super) fn has_several_hosts(&self) -> bool {
        self.hosts.are_several()
    }

    /// The name and the port of one of its hosts.
    pub(super) fn name_of(&self, host: usize) -> String {
        self.hosts.name(host)
    }

    pub(super) fn generations(&self) -> &Generations {
        &self.generations
    }

    /// Why a server did not take the connection. A pooler says of options it does not know that they are a violation of the
    /// protocol.
    fn reason(&self, error: &tokio_postgres::Error) -> String {
        let is_pooled =
            self.manner == Manner::Prepared && error.code() == Some(&SqlState::PROTOCOL_VIOLATION);
        let hint = if is_pooled { format!("; {POOLED}") } else { String::new() };
        describe(error) + &hint
    }

    pub(super) fn tls(&self) -> &MakeRustlsConnect {
        &self.tls
    }
}

/// Opens connections to PostgreSQL for a pool.
pub(super) fn postgres(server: Server) -> PostgresManager {
    PostgresManager::new(server)
}

/// The driver's own message is "db error" or "error connecting"; the reason is behind it.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// What a connection to SQLite is for.
#[derive(Clone, Copy)]
pub(super) enum Mode {
    ReadOnly,
    ReadWrite,
}

/// Opens connections to a SQLite file.
pub(super) fn sqlite(path: &Path, mode: Mode) -> SqliteManager {
    let mut manager = ManagerConfig::default();
    manager.custom_setup = Box::new(move |path| {
        let path = path.to_owned();
        async move {
            let mut connection = SqliteConnection::establish(&path).await?;
            connection
                .batch_execute(&pragmas(mode))
                .await
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
            Ok(connection)
        }
        .boxed()
    });
    manager.recycling_method = checked_locally();
    SqliteManager::new_with_config(path.to_string_lossy(), manager)
}

/// Write-ahead logging lets readers and the writer work side by side; FULL means that a commit that was
/// answered survives a power cut.
fn pragmas(mode: Mode) -> String {
    let query_only = match mode {
        Mode::ReadOnly => "ON",
        Mode::ReadWrite => "OFF",
    };
    format!(
        "PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA foreign_keys = ON; PRAGMA query_only = {query_only};"
    )
}

/// A connection is checked before use by what is known of it here: whether it is open and in no transaction.
/// Asking the server would double the round trips of every request.
fn checked_locally<C: PoolableConnection + 'static>() -> RecyclingMethod<C> {
    RecyclingMethod::CustomFunction(Box::new(|connection| {
        let usable = if connection.is_broken() {
            Err(diesel::result::Error::BrokenTransactionManager)
        } else {
            Ok(())
        };
        std::future::ready(usable).boxed()
    }))
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::Text;
    use diesel_async::RunQueryDsl;

    use crate::core::settings::Settings;
    use crate::db::{Connection, Database, on};

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

    #[tokio::test(flavor = "multi_thread")]
    async fn every_connection_to_sqlite_is_durable_patient_and_strict() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let settings = Settings::from_lookup(|name| match name {
            "DATABASE_URL" => Some(url.clone()),
            "JWT_SECRET_KEY" => Some("a key for tests that is long enough to be accepted".to_owned()),
            _ => None,
        });
        let settings = settings.unwrap();
        crate::db::migrations::run(&settings.database_url).await.unwrap();
        let database = Database::new(&settings).unwrap();
        let mut connections = vec![(database.write().await.unwrap(), "0")];
        for _ in 0..4 {
            connections.push((database.read().await.unwrap(), "1"));
        }
        for (connection, query_only) in &mut connections {
            assert_eq!(pragma(connection, "journal_mode").await, "wal");
            assert_eq!(pragma(connection, "synchronous").await, "2", "FULL");
            assert_eq!(pragma(connection, "foreign_keys").await, "1");
            assert_eq!(pragma(connection, "busy_timeout").await, "5000");
            assert_eq!(pragma(connection, "query_only").await, *query_only);
        }
    }
}
