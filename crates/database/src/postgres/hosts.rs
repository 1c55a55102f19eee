//! The hosts of an address: finds the one that takes writes, again after a failover.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::ConnectionError;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::url::host_and_port;

/// How long one host may take before the next one is tried beside it (RFC 8305, section 8:
/// Connection Attempt Delay). A frozen or unreachable server never answers.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The driver's connection: the task behind a [`Client`].
type Driver = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Hosts that stand for one server, each as a configuration of the driver.
#[derive(Clone)]
pub(super) struct Hosts {
    all: Vec<Config>,
    /// The one that last accepted a connection. It is tried first.
    latest: Arc<AtomicUsize>,
}

/// A connection, and which of the hosts it is to.
pub(super) struct Connected {
    pub host: usize,
    pub client: Client,
    pub driver: Driver,
}

impl Hosts {
    pub(super) fn of(config: &Config) -> Self {
        Self { all: each(config), latest: Arc::default() }
    }

    /// Changes the configuration of each.
    pub(super) fn configure(&mut self, change: impl Fn(&mut Config)) {
        self.all.iter_mut().for_each(change);
    }

    pub(super) fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// The name and the port of a host.
    pub(super) fn name(&self, host: usize) -> String {
        self.all.get(host).map(host_and_port).unwrap_or_default()
    }

    /// Connects to the first host that accepts and is what the address asks for
    /// (`target_session_attrs`).
    ///
    /// # Errors
    /// When there is none, with a reason per host as `reason` puts it.
    pub(super) async fn connect(
        &self,
        tls: &MakeRustlsConnect,
        reason: impl Fn(&tokio_postgres::Error) -> String,
    ) -> Result<Connected, ConnectionError> {
        let first = self.latest.load(Ordering::Relaxed);
        let count = self.all.len();
        let mut order = (0..count).map(|step| (first + step) % count);
        let mut attempts = FuturesUnordered::new();
        let mut reasons = Vec::new();
        loop {
            if let Some(host) = order.next() {
                attempts.push(async move { (host, self.all[host].connect(tls.clone()).await) });
            }
            let has_more = order.len() > 0;
            let ended = tokio::select! {
                ended = attempts.next() => ended,
                () = tokio::time::sleep(ATTEMPT_DELAY), if has_more => continue,
            };
            match ended {
                Some((host, Ok((client, driver)))) => {
                    self.latest.store(host, Ordering::Relaxed);
                    return Ok(Connected { host, client, driver });
                }
                Some((host, Err(error))) => {
                    let reason = reason(&error);
                    let name = self.name(host);
                    reasons.push(if count == 1 { reason } else { format!("{name}: {reason}") });
                }
                None => return Err(ConnectionError::BadConnection(reasons.join("; "))),
            }
        }
    }
}

/// A configuration per host.
fn each(config: &Config) -> Vec<Config> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let one = |index: usize| {
        let mut one = without_host(config);
        match hosts.get(index) {
            Some(Host::Tcp(name)) => {
                one.host(name);
            }
            Some(Host::Unix(path)) => {
                one.host_path(path);
            }
            None => {}
        }
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        if let Some(port) = ports.get(index).or(ports.first()) {
            one.port(*port);
        }
        one
    };
    (0..hosts.len().max(addresses.len())).map(one).collect()
}

fn without_host(config: &Config) -> Config {
    let mut copy = Config::new();
    if let Some(user) = config.get_user() {
        copy.user(user);
    }
    if let Some(password) = config.get_password() {
        copy.password(password);
    }
    if let Some(database) = config.get_dbname() {
        copy.dbname(database);
    }
    if let Some(options) = config.get_options() {
        copy.options(options);
    }
    if let Some(name) = config.get_application_name() {
        copy.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        copy.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        copy.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        copy.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        copy.keepalives_retries(retries);
    }
    copy.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Vec<Config> {
        each(&address.parse().unwrap())
    }

    #[test]
    fn one_host_keeps_all_that_its_address_says() {
        let all = "user=u password=p dbname=d options=-cx=y application_name=a sslmode=require sslnegotiation=direct \
                   host=h hostaddr=::1 port=1 connect_timeout=2 tcp_user_timeout=3 keepalives=0 keepalives_idle=4 \
                   keepalives_interval=5 keepalives_retries=6 target_session_attrs=read-write channel_binding=require \
                   load_balance_hosts=random";
        for address in [all, "host=/run/postgresql", "hostaddr=10.0.0.1 port=1", "host=h"] {
            let [one] = of(address).try_into().unwrap();
            assert_eq!(one, address.parse().unwrap(), "{address}");
        }
    }

    #[test]
    fn several_hosts_become_one_each_with_their_own_names_and_ports() {
        let of = |address| of(address).iter().map(host_and_port).collect::<Vec<_>>();
        assert_eq!(of("postgres://u@a:1,b:2,c/d"), ["a:1", "b:2", "c:5432"]);
        assert_eq!(of("host=a,b port=7"), ["a:7", "b:7"]);
        let named = super::tests::of("host=a,b hostaddr=10.0.0.1,10.0.0.2");
        assert_eq!(
            named,
            ["host=a hostaddr=10.0.0.1", "host=b hostaddr=10.0.0.2"].map(|one| one.parse().unwrap())
        );
    }
}
