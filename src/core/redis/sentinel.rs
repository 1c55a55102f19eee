//! Finds the master that Redis Sentinels watch.
//!
//! Not with the driver's own client: it awaits Sentinels in the order of their addresses, so a frozen one at the front
//! would cost more time than a call has.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisResult, cmd,
};

use crate::core::settings::SentinelUrl;

type Address = (String, u16);

/// The Sentinels of one master.
pub(super) struct Sentinels {
    clients: Vec<Client>,
    master_name: String,
    /// How to connect to the master, but for its address.
    master: ConnectionInfo,
    config: AsyncConnectionConfig,
}

impl Sentinels {
    pub(super) fn new(url: &SentinelUrl, timeout: Duration) -> RedisResult<Self> {
        let clients = url.sentinels.iter().map(|node| Client::open(node.as_str()));
        Ok(Self {
            clients: clients.collect::<RedisResult<_>>()?,
            master_name: url.master_name.clone(),
            master: url.expose_master().into_connection_info()?,
            config: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(timeout))
                .set_response_timeout(Some(timeout)),
        })
    }

    /// Asks all Sentinels at once and connects to the first server named by one that says itself that it is a master: a
    /// Sentinel that was cut off may still name the former one (Redis' guidelines for Sentinel clients, steps 1 to 3).
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let mut named: FuturesUnordered<_> = self.clients.iter().map(|node| self.ask(node)).collect();
        let (mut checked, mut addresses) = (FuturesUnordered::new(), Vec::new());
        let mut failure = (ErrorKind::EmptySentinelList, "there is no Sentinel to ask").into();
        loop {
            tokio::select! {
                Some(connection) = checked.next() => match connection {
                    Ok(connection) => return Ok(connection),
                    Err(error) => failure = error,
                },
                Some(address) = named.next() => match address {
                    Ok(address) => {
                        if !addresses.contains(&address) {
                            addresses.push(address.clone());
                            checked.push(self.connect_to_master(address));
                        }
                    }
                    // A server that was named and does not work says more than a Sentinel that does not answer.
                    Err(error) if addresses.is_empty() => failure = error,
                    Err(_) => {}
                },
                else => return Err(failure),
            }
        }
    }

    /// The address that a Sentinel has of the master.
    async fn ask(&self, node: &Client) -> RedisResult<Address> {
        let mut connection = node.get_multiplexed_async_connection_with_config(&self.config).await?;
        let ask = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master_name).take();
        let answer = match ask.query_async::<Option<Address>>(&mut connection).await {
            // Most Sentinels ask for no password, and one that asks for none is told none.
            Err(error) if matches!(error.code(), Some("NOAUTH" | "NOPERM")) => {
                self.authentication().ok_or(error)?.query_async::<()>(&mut connection).await?;
                ask.query_async(&mut connection).await
            }
            answer => answer,
        };
        answer?.ok_or_else(|| {
            (ErrorKind::MasterNameNotFoundBySentinel, "a Sentinel knows no master of this name").into()
        })
    }

    /// The master's credentials, for a Sentinel that asks for some.
    fn authentication(&self) -> Option<Cmd> {
        let settings = self.master.redis_settings();
        let mut authenticate = cmd("AUTH");
        if let Some(user) = settings.username() {
            authenticate.arg(user);
        }
        Some(authenticate.arg(settings.password()?).take())
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
