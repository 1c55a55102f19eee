//! A PostgreSQL server and how to connect to it, without libpq.

use std::time::Duration;

use diesel::ConnectionError;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::generation::Generations;
use super::hosts::{Connected, Hosts};
use super::session::{Session, StatementMode};
use super::tls;
use crate::error::DbError;
use crate::server_error::{POOLER_HINT, describe};
use crate::url::{PoolMode, PostgresUrl};

/// How long opening a connection may take, until it can be used.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sent data may stay unacknowledged before the connection is dropped.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);
/// When an idle connection is probed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// A server parameter of our own. A session that has it was started with the options it was asked
/// for.
const OPTIONS_MARK: &str = "session.has_options";

/// A server, or several hosts that stand for one.
#[derive(Clone)]
pub(super) struct Server {
    hosts: Hosts,
    tls: MakeRustlsConnect,
    generations: Generations,
    mode: StatementMode,
}

impl Server {
    /// # Errors
    /// When the certificates to verify with cannot be loaded.
    pub(super) fn new(url: &PostgresUrl, mode: PoolMode) -> Result<Self, DbError> {
        let mut config = url.config().clone();
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .tcp_user_timeout(TCP_USER_TIMEOUT);
        let statements = match mode {
            PoolMode::Session => StatementMode::Prepared,
            PoolMode::Transaction => StatementMode::Unnamed { timeout: None },
        };
        let (hosts, tls) = (Hosts::of(&config), tls::connector(url.tls())?);
        let mut server = Self { hosts, tls, generations: Generations::default(), mode: statements };
        // Poolers refuse such options, so with them each transaction sets what it needs.
        if mode == PoolMode::Session {
            server.set("TimeZone", "UTC");
            server.set(OPTIONS_MARK, "yes");
        }
        Ok(server)
    }

    /// Limits and names the sessions that serve requests.
    pub(super) fn for_requests(mut self, application_name: &str, statement_timeout: Duration) -> Self {
        self.hosts.configure(|config| {
            config.application_name(application_name);
        });
        // A query whose caller has left would otherwise hold its connection as long as it takes.
        match &mut self.mode {
            StatementMode::Prepared => {
                self.set("statement_timeout", &statement_timeout.as_millis().to_string());
            }
            StatementMode::Unnamed { timeout } => *timeout = Some(statement_timeout),
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

    /// Opens a connection for Diesel's queries.
    pub(super) async fn open(&self) -> Result<Session, ConnectionError> {
        let connect = async {
            let (client, driver, _) = self.connect().await?;
            let session = Session::new(client, driver, self.mode);
            if self.mode == StatementMode::Prepared && !session.has_setting(OPTIONS_MARK).await? {
                let problem = format!("the server has ignored the options of the session; {POOLER_HINT}");
                return Err(ConnectionError::BadConnection(problem));
            }
            Ok(session)
        };
        // The driver's own limit ends with the TCP handshake, which a frozen server completes.
        let silent = |_| ConnectionError::BadConnection("the server does not answer".to_owned());
        tokio::time::timeout(CONNECT_TIMEOUT, connect).await.map_err(silent)?
    }

    /// Opens a connection for queries without Diesel, and says to which of the hosts. The caller
    /// limits how long this takes.
    pub(super) async fn client(&self) -> Result<(Client, usize), ConnectionError> {
        let (client, _, host) = self.connect().await?;
        Ok((client, host))
    }

    /// The client, the task that ends when the client is dropped, and the host. The task's error is
    /// the client's too.
    async fn connect(&self) -> Result<(Client, JoinHandle<()>, usize), ConnectionError> {
        let Connected { host, client, driver } =
            self.hosts.connect(&self.tls, |error| self.reason(error)).await?;
        Ok((client, tokio::spawn(async move { drop(driver.await) }), host))
    }

    pub(super) fn has_several_hosts(&self) -> bool {
        self.hosts.are_several()
    }

    /// The name and the port of a host.
    pub(super) fn name_of(&self, host: usize) -> String {
        self.hosts.name(host)
    }

    pub(super) fn generations(&self) -> &Generations {
        &self.generations
    }

    /// Why a server refused the connection. Poolers report unknown options as protocol violations.
    fn reason(&self, error: &tokio_postgres::Error) -> String {
        let is_pooled =
            self.mode == StatementMode::Prepared && error.code() == Some(&SqlState::PROTOCOL_VIOLATION);
        let hint = if is_pooled { format!("; {POOLER_HINT}") } else { String::new() };
        describe(error) + &hint
    }

    pub(super) fn tls(&self) -> &MakeRustlsConnect {
        &self.tls
    }
}
