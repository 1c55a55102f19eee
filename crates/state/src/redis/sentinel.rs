//! Finds the master that Redis Sentinels monitor.
//!
//! Not the driver's own client: it queries Sentinels one after another, so a frozen one at the
//! front takes longer than a call may.

use futures_util::future::select_ok;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, RedisResult, Role, cmd};

use super::client::Connector;
use crate::url::Sentinels;

type Address = (String, u16);

impl Connector {
    /// Queries all Sentinels concurrently and returns the first server that reports the role of a
    /// master itself, with a connection to it: a Sentinel that was cut off may name the former one
    /// (Redis' guidelines for Sentinel clients, steps 1 to 3).
    pub(super) async fn find_master(
        &self,
        sentinels: &Sentinels,
    ) -> RedisResult<(ConnectionInfo, MultiplexedConnection)> {
        let masters = sentinels.addresses.iter().map(|sentinel| {
            Box::pin(async {
                let address = self.master_address(sentinel, sentinels).await?;
                let master = at(&sentinels.master, address);
                let mut connection = self.connect_to(&master).await?;
                match cmd("ROLE").query_async(&mut connection).await? {
                    Role::Primary { .. } => Ok((master, connection)),
                    _ => Err((ErrorKind::Io, "the server that a Sentinel names is not a master").into()),
                }
            })
        });
        select_ok(masters).await.map(|(found, _)| found)
    }

    async fn master_address(&self, sentinel: &ConnectionInfo, sentinels: &Sentinels) -> RedisResult<Address> {
        let mut connection = self.connect_to(sentinel).await?;
        let query = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&sentinels.master_name).take();
        let reply = match query.query_async::<Option<Address>>(&mut connection).await {
            // Only a Sentinel that requires a password gets the master's.
            Err(error) if matches!(error.code(), Some("NOAUTH" | "NOPERM")) => {
                auth_command(&sentinels.master).ok_or(error)?.query_async::<()>(&mut connection).await?;
                query.query_async(&mut connection).await
            }
            reply => reply,
        };
        reply?.ok_or_else(|| {
            (ErrorKind::MasterNameNotFoundBySentinel, "a Sentinel knows no master of this name").into()
        })
    }
}

/// `AUTH` with the master's credentials; `None` without a password.
fn auth_command(master: &ConnectionInfo) -> Option<Cmd> {
    let settings = master.redis_settings();
    let mut auth = cmd("AUTH");
    if let Some(user) = settings.username() {
        auth.arg(user);
    }
    Some(auth.arg(settings.password()?).take())
}

/// The master at this address.
fn at(master: &ConnectionInfo, (host, port): Address) -> ConnectionInfo {
    let address = match master.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    master.clone().set_addr(address)
}
