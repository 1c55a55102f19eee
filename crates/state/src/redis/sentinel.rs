//! Finds the master that Redis Sentinels monitor.
//!
//! Not the driver's own client: it queries Sentinels one after another, so a frozen one at the front
//! takes longer than a call may.

use std::time::Duration;

use futures_util::future::select_ok;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, RedisResult, cmd,
};

type Address = (String, u16);

pub(super) struct Sentinels {
    clients: Vec<Client>,
    master_name: String,
    /// The master's scheme, credentials and database, with a placeholder for its address.
    master: ConnectionInfo,
    config: AsyncConnectionConfig,
}

impl Sentinels {
    pub(super) fn new(
        sentinels: &[ConnectionInfo],
        master_name: &str,
        master: &ConnectionInfo,
        timeout: Duration,
    ) -> RedisResult<Self> {
        Ok(Self {
            clients: sentinels.iter().cloned().map(Client::open).collect::<RedisResult<_>>()?,
            master_name: master_name.to_owned(),
            master: master.clone(),
            // The caller has a time limit of its own for replies.
            config: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(timeout))
                .set_response_timeout(None),
        })
    }

    /// Queries all Sentinels concurrently and returns the first connection to a server that reports
    /// the role of a master itself: a Sentinel that was cut off may name the former one (Redis'
    /// guidelines for Sentinel clients, steps 1 to 3).
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let masters = self.clients.iter().map(|sentinel| {
            Box::pin(async { self.connect_to_master(self.master_address(sentinel).await?).await })
        });
        select_ok(masters).await.map(|(connection, _)| connection)
    }

    async fn master_address(&self, sentinel: &Client) -> RedisResult<Address> {
        let mut connection = sentinel.get_multiplexed_async_connection_with_config(&self.config).await?;
        let query = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master_name).take();
        let reply = match query.query_async::<Option<Address>>(&mut connection).await {
            // Only a Sentinel that requires a password gets the master's.
            Err(error) if matches!(error.code(), Some("NOAUTH" | "NOPERM")) => {
                self.auth_command().ok_or(error)?.query_async::<()>(&mut connection).await?;
                query.query_async(&mut connection).await
            }
            reply => reply,
        };
        reply?.ok_or_else(|| {
            (ErrorKind::MasterNameNotFoundBySentinel, "a Sentinel knows no master of this name").into()
        })
    }

    /// `AUTH` with the master's credentials; `None` without a password.
    fn auth_command(&self) -> Option<Cmd> {
        let settings = self.master.redis_settings();
        let mut auth = cmd("AUTH");
        if let Some(user) = settings.username() {
            auth.arg(user);
        }
        Some(auth.arg(settings.password()?).take())
    }

    async fn connect_to_master(&self, (host, port): Address) -> RedisResult<MultiplexedConnection> {
        let address = match self.master.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        let client = Client::open(self.master.clone().set_addr(address))?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&self.config).await?;
        let role: Vec<redis::Value> = cmd("ROLE").query_async(&mut connection).await?;
        let role = role.into_iter().next().map(redis::from_redis_value::<String>).transpose()?;
        if role.as_deref() != Some("master") {
            return Err((ErrorKind::Io, "the server that a Sentinel names is not a master").into());
        }
        Ok(connection)
    }
}
