//! A PostgreSQL server and how to connect to it, without libpq. Several hosts may stand for one
//! server: the one that takes writes is found, again after a failover.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bb8::ManageConnection;
use diesel::ConnectionError;
use diesel::result::Error as DieselError;
use diesel_async::pooled_connection::PoolError;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::generation::{Generation, Generations};
use super::row::first_row;
use super::session::{CONNECT_TIMEOUT, PgSession};
use super::tls;
use crate::error::DbError;
use crate::server_error::{POOLER_HINT, ServerError, describe};
use crate::url::{PoolMode, PostgresUrl, host_and_port};

/// What moves the messages of a client.
type Driver = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// How long one host may take before the next one is tried beside it (RFC 8305, section 8:
/// Connection Attempt Delay). A frozen or unreachable server never answers.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// How long sent data may stay unacknowledged before the connection is dropped.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
/// When an idle connection is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// A server parameter of our own, among the options of each session.
const OPTIONS_MARK: &str = "session.has_options";

/// Opens connections to a server, or to several hosts that stand for one. A pool's connections to
/// it are checked locally: a query would double the round trips of every request.
#[derive(Clone)]
pub struct PgConnector {
    hosts: Vec<Config>,
    /// The host that last accepted a connection. It is tried first.
    latest: Arc<AtomicUsize>,
    tls: MakeRustlsConnect,
    generations: Generations,
    mode: PoolMode,
    /// See [`PgSession::begin`].
    begin: Option<Arc<str>>,
}

impl PgConnector {
    /// # Errors
    /// When the certificates to verify with cannot be loaded.
    pub(super) fn new(url: &PostgresUrl, mode: PoolMode) -> Result<Self, DbError> {
        let mut hosts = url.hosts().to_vec();
        for host in &mut hosts {
            host.connect_timeout(CONNECT_TIMEOUT)
                .keepalives(true)
                .keepalives_idle(KEEPALIVE_IDLE)
                .tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        let (tls, generations) = (tls::connector(url.tls())?, Generations::default());
        let mut server = Self { hosts, latest: Arc::default(), tls, generations, mode, begin: None };
        // Poolers refuse such options, so with them each transaction sets what it needs.
        if mode == PoolMode::Session {
            server.set("TimeZone", "UTC");
            server.set(OPTIONS_MARK, "yes");
        }
        Ok(server)
    }

    /// Limits and names the sessions that serve requests.
    pub(super) fn for_requests(mut self, application_name: &str, statement_timeout: Duration) -> Self {
        for host in &mut self.hosts {
            host.application_name(application_name);
        }
        // A query whose caller has left would otherwise hold its connection as long as it takes.
        let timeout = statement_timeout.as_millis().to_string();
        match self.mode {
            PoolMode::Session => self.set("statement_timeout", &timeout),
            PoolMode::Transaction => {
                let begin =
                    format!("BEGIN; SET LOCAL statement_timeout = {timeout}; SET LOCAL TimeZone = 'UTC'");
                self.begin = Some(begin.into());
            }
        }
        self
    }

    /// Sets a parameter of each session from its start.
    fn set(&mut self, name: &str, value: &str) {
        for host in &mut self.hosts {
            let given = host.get_options().unwrap_or_default();
            let options = format!("{given} -c {name}={value}");
            host.options(options.trim());
        }
    }

    /// Opens a connection for Diesel's queries.
    pub(super) async fn open(&self) -> Result<PgSession, ConnectionError> {
        // Taken first: a failover found out while this opens may concern it too.
        let generation = self.generations.current();
        let connect = async {
            let (client, driver, _) = self.connect().await?;
            generation.register(driver.abort_handle());
            let (mode, begin, tls) = (self.mode, self.begin.clone(), self.tls.clone());
            let session = PgSession { client, driver, mode, begin, tls, generation, state: Mutex::default() };
            if mode == PoolMode::Session {
                check_options(&session.client).await?;
            }
            Ok(session)
        };
        // The driver's own limit ends with the TCP handshake, which a frozen server completes.
        let silent = |_| ConnectionError::BadConnection("the server does not answer".to_owned());
        tokio::time::timeout(CONNECT_TIMEOUT, connect).await.map_err(silent)?
    }

    /// Connects to the first host that accepts and is what the address asks for
    /// (`target_session_attrs`). Returns the client, the task that moves its messages until it is
    /// dropped, and the host. The task's error is the client's too. The caller limits how long this
    /// takes.
    ///
    /// # Errors
    /// When there is none, with a reason per host.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>, usize), ConnectionError> {
        let (client, driver, host) = self.connect_undriven().await?;
        Ok((client, tokio::spawn(async move { drop(driver.await) }), host))
    }

    /// The generation that connections opened now belong to.
    pub(super) fn generation(&self) -> Generation {
        self.generations.current()
    }

    /// As [`connect`](Self::connect); the caller moves the messages.
    pub(super) async fn connect_undriven(&self) -> Result<(Client, Driver, usize), ConnectionError> {
        let first = self.latest.load(Ordering::Relaxed);
        let count = self.hosts.len();
        let mut order = (0..count).map(|step| (first + step) % count);
        let mut attempts = FuturesUnordered::new();
        let mut reasons = Vec::new();
        loop {
            if let Some(host) = order.next() {
                attempts.push(async move { (host, self.hosts[host].connect(self.tls.clone()).await) });
            }
            let has_more = order.len() > 0;
            let ended = tokio::select! {
                ended = attempts.next() => ended,
                () = tokio::time::sleep(ATTEMPT_DELAY), if has_more => continue,
            };
            match ended {
                Some((host, Ok((client, driver)))) => {
                    self.latest.store(host, Ordering::Relaxed);
                    return Ok((client, driver, host));
                }
                Some((host, Err(error))) => {
                    let reason = self.reason(&error);
                    let name = self.name_of(host);
                    reasons.push(if count == 1 { reason } else { format!("{name}: {reason}") });
                }
                None => return Err(ConnectionError::BadConnection(reasons.join("; "))),
            }
        }
    }

    pub(super) fn has_sessions(&self) -> bool {
        self.mode == PoolMode::Session
    }

    pub(super) fn has_several_hosts(&self) -> bool {
        self.hosts.len() > 1
    }

    /// The name and the port of a host.
    pub(super) fn name_of(&self, host: usize) -> String {
        self.hosts.get(host).map(host_and_port).unwrap_or_default()
    }

    /// Cuts all connections to it.
    pub(super) fn cut(&self) {
        self.generations.cut();
    }

    /// Why a server refused the connection. Poolers report unknown options as protocol violations.
    fn reason(&self, error: &tokio_postgres::Error) -> String {
        let is_pooled = self.mode == PoolMode::Session && error.code() == Some(&SqlState::PROTOCOL_VIOLATION);
        let hint = if is_pooled { format!("; {POOLER_HINT}") } else { String::new() };
        describe(error) + &hint
    }
}

/// Checks that the session was started with the options that it was asked for.
async fn check_options(client: &Client) -> Result<(), ConnectionError> {
    let query = format!("SELECT current_setting('{OPTIONS_MARK}', true)");
    let row = first_row(client, &query).await;
    let row =
        row.map_err(|error| ConnectionError::CouldntSetupConfiguration(ServerError::from(error).into()))?;
    if row.is_some_and(|row| row.get(0).is_some_and(|value| !value.is_empty())) {
        return Ok(());
    }
    Err(ConnectionError::BadConnection(format!(
        "the server has ignored the options of the session; {POOLER_HINT}"
    )))
}

impl ManageConnection for PgConnector {
    // Boxed, because a connection is moved several times on its way to the caller.
    type Connection = Box<PgSession>;
    type Error = PoolError;

    async fn connect(&self) -> Result<Box<PgSession>, PoolError> {
        self.open().await.map(Box::new).map_err(PoolError::ConnectionError)
    }

    async fn is_valid(&self, session: &mut Box<PgSession>) -> Result<(), PoolError> {
        if self.has_broken(session) {
            return Err(PoolError::QueryError(DieselError::BrokenTransactionManager));
        }
        Ok(())
    }

    fn has_broken(&self, session: &mut Box<PgSession>) -> bool {
        !session.is_usable() || session.is_in_transaction()
    }
}
