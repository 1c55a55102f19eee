//! Addresses of Redis, which may hold a password, and prefixes of its keys.

use std::fmt;
use std::str::FromStr;

use groundwork_secret_url::{Parts, SecretUrl, UrlError, option_name};
use redis::{ConnectionInfo, IntoConnectionInfo};

const FORM: &str = "must be redis://host:port/number, rediss:// for TLS, redis+unix:///path for a socket, \
    redis+sentinel://host:port,host:port/master-name/number (rediss+sentinel:// for TLS), or \
    redis+cluster://host:port,host:port (rediss+cluster:// for TLS)";
const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
/// The longest prefix of keys, in bytes.
const PREFIX_LIMIT: usize = 64;

/// The address of Redis. `Display` and `Debug` mask the password.
///
/// - One server: `redis://[user]:password@host:port/number`, or `redis+unix:///path` with the options
///   `db`, `user`, `pass` and `protocol`.
/// - A master that Sentinels watch:
///   `redis+sentinel://[user]:password@host:port,host:port/master-name/number`.
/// - A cluster, by some of its nodes: `redis+cluster://[user]:password@host:port,host:port`.
///
/// A scheme that starts with `rediss` stands for TLS.
#[derive(Clone)]
pub struct RedisUrl {
    url: SecretUrl,
    pub(crate) servers: Servers,
}

/// The addresses as the driver reads them. It reads them here, so that an address accepted now is
/// not refused at the first connection.
#[derive(Clone)]
pub(crate) enum Servers {
    One(ConnectionInfo),
    Sentinel(Sentinels),
    Cluster(Vec<ConnectionInfo>),
}

#[derive(Clone)]
pub(crate) struct Sentinels {
    /// Of the Sentinels, without credentials.
    pub(crate) addresses: Vec<ConnectionInfo>,
    /// The name by which they know the master.
    pub(crate) master_name: String,
    /// The master with its credentials and database, and a placeholder for its host.
    pub(crate) master: ConnectionInfo,
}

impl RedisUrl {
    /// The name of the topology for logs and reports: `redis`, `redis_sentinel` or `redis_cluster`.
    pub fn tier(&self) -> &'static str {
        match self.servers {
            Servers::One(_) => "redis",
            Servers::Sentinel(_) => "redis_sentinel",
            Servers::Cluster(_) => "redis_cluster",
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

impl FromStr for RedisUrl {
    type Err = UrlError;

    fn from_str(raw: &str) -> Result<Self, UrlError> {
        let parse = match raw.split_once("://").map_or("", |(scheme, _)| scheme) {
            "redis" | "rediss" => server,
            "redis+unix" | "unix" => socket,
            "redis+sentinel" | "rediss+sentinel" => sentinel,
            "redis+cluster" | "rediss+cluster" => cluster,
            _ => return Err(UrlError::new(FORM)),
        };
        let url: SecretUrl = raw.parse()?;
        Ok(Self { servers: parse(&url.parts())?, url })
    }
}

fn server(parts: &Parts<'_>) -> Result<Servers, UrlError> {
    let database = parts.path.strip_prefix('/').unwrap_or_default();
    node(parts.scheme, &credentials(parts)?, parts.host, REDIS_PORT, database).map(Servers::One)
}

fn socket(parts: &Parts<'_>) -> Result<Servers, UrlError> {
    let Parts { scheme, user, host, path, query } = parts;
    if !host.is_empty() || user.is_some() || path.len() < 2 {
        return Err(UrlError::new("must name the socket's path: redis+unix:///path?db=number&pass=password"));
    }
    check_options(parts, &["db", "user", "pass", "protocol"])?;
    connection_info(&format!("{scheme}://{path}?{query}")).map(Servers::One)
}

fn sentinel(parts: &Parts<'_>) -> Result<Servers, UrlError> {
    let path = parts.path.strip_prefix('/').unwrap_or_default();
    let (name, database) = path.split_once('/').unwrap_or((path, ""));
    // What Redis accepts in SENTINEL MONITOR.
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Err(UrlError::new(
            "must name the master that the Sentinels watch: redis+sentinel://host:port/master-name",
        ));
    }
    let scheme = parts.scheme.trim_end_matches("+sentinel");
    let addresses = parts.host.split(',').map(|host| node(scheme, "", host, SENTINEL_PORT, ""));
    Ok(Servers::Sentinel(Sentinels {
        addresses: addresses.collect::<Result<_, _>>()?,
        master_name: name.to_owned(),
        master: node(scheme, &credentials(parts)?, "master", REDIS_PORT, database)?,
    }))
}

fn cluster(parts: &Parts<'_>) -> Result<Servers, UrlError> {
    if !matches!(parts.path, "" | "/") {
        return Err(UrlError::new("must not name a database: a cluster has the one"));
    }
    let (scheme, credentials) = (parts.scheme.trim_end_matches("+cluster"), credentials(parts)?);
    let nodes = parts.host.split(',').map(|host| node(scheme, &credentials, host, REDIS_PORT, ""));
    nodes.collect::<Result<_, _>>().map(Servers::Cluster)
}

/// The user and the password up to the `@`, of an address that takes no options.
fn credentials(parts: &Parts<'_>) -> Result<String, UrlError> {
    check_options(parts, &[])?;
    match parts.user {
        Some((name, Some(password))) => Ok(format!("{name}:{password}@")),
        Some((_, None)) => Err(UrlError::new(
            "names a user without a password; a password alone is written redis://:password@host",
        )),
        None => Ok(String::new()),
    }
}

/// Redis takes these options and no others.
fn check_options(parts: &Parts<'_>, known: &[&str]) -> Result<(), UrlError> {
    for option in parts.options() {
        let name = option_name(option)?;
        if !known.contains(&name.as_str()) {
            let hint = match name.as_str() {
                "password" | "pass" | "user" | "username" => ": write redis://user:password@host",
                "db" | "database" => ": write redis://host/number",
                "ssl" | "tls" => ": write rediss://",
                _ => "",
            };
            return Err(UrlError::unknown(name, hint));
        }
    }
    Ok(())
}

/// One server, at `host` or `host:port`. An empty database is number 0.
fn node(
    scheme: &str,
    credentials: &str,
    address: &str,
    default_port: u16,
    database: &str,
) -> Result<ConnectionInfo, UrlError> {
    let (host, port) = match address.rsplit_once(':') {
        // A colon inside the brackets of an IPv6 address does not separate a port.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(0)),
        _ => (address, default_port),
    };
    if host.is_empty() || host.contains(',') {
        return Err(UrlError::new(
            "must name one host; several nodes are written redis+cluster://host:port,host:port",
        ));
    }
    if port == 0 {
        return Err(UrlError::new("must name a port from 1 to 65535"));
    }
    if !database.is_empty() && database.parse::<u16>().is_err() {
        return Err(UrlError::new("must end in the number of a database, such as /0"));
    }
    connection_info(&format!("{scheme}://{credentials}{host}:{port}/{database}"))
}

/// The driver's message may repeat the address, so it is replaced.
fn connection_info(url: &str) -> Result<ConnectionInfo, UrlError> {
    url.into_connection_info().map_err(|_| UrlError::new("cannot be read as an address of Redis"))
}

/// The prefix of every key, so that several applications can share one Redis: at most 64 ASCII
/// letters, digits and `: - _ .`. Braces are refused because they would map every key to one node
/// of a cluster.
///
/// # Errors
/// For any other text.
pub fn key_prefix(raw: &str) -> Result<String, UrlError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.');
    if raw.len() > PREFIX_LIMIT || !raw.chars().all(fits) {
        return Err(UrlError::new("must be at most 64 letters, digits and : - _ ."));
    }
    Ok(raw.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> String {
        raw.parse::<RedisUrl>().unwrap().to_string()
    }

    #[test]
    fn every_way_to_reach_redis_has_an_address_that_shows_no_password() {
        for (raw, masked) in [
            ("redis://localhost", "redis://localhost"),
            ("redis://localhost:6379/", "redis://localhost:6379/"),
            ("redis://:hunter2@h:6379/1", "redis://:********@h:6379/1"),
            ("rediss://u:hunter2@[::1]:6380", "rediss://u:********@[::1]:6380"),
            ("redis://[::1]", "redis://[::1]"),
            (
                "redis+unix:///run/redis.sock?db=2&pass=hunter2",
                "redis+unix:///run/redis.sock?db=2&pass=********",
            ),
            ("redis+cluster://a:7000,b", "redis+cluster://a:7000,b"),
            ("redis+sentinel://:hunter2@a:1,b/main/2", "redis+sentinel://:********@a:1,b/main/2"),
            ("rediss+cluster://u:hunter2@a,b:1", "rediss+cluster://u:********@a,b:1"),
        ] {
            assert_eq!(shown(raw), masked);
            assert!(!format!("{:?}", raw.parse::<RedisUrl>().unwrap()).contains("hunter2"));
        }
    }

    /// Address, user and password, as the driver gets them.
    fn parts(node: &ConnectionInfo) -> (String, Option<&str>, Option<&str>) {
        assert!(matches!(node.addr(), redis::ConnectionAddr::TcpTls { insecure: false, .. }));
        (node.addr().to_string(), node.redis_settings().username(), node.redis_settings().password())
    }

    #[test]
    fn every_node_of_a_cluster_gets_the_credentials() {
        let url = "rediss+cluster://u:p%40@a:7000,b".parse::<RedisUrl>().unwrap();
        assert_eq!(url.tier(), "redis_cluster");
        let Servers::Cluster(nodes) = &url.servers else { panic!("{url}") };
        let [a, b] = ["a:7000", "b:6379"].map(|address| (address.to_owned(), Some("u"), Some("p@")));
        assert_eq!(nodes.iter().map(parts).collect::<Vec<_>>(), [a, b]);
    }

    #[test]
    fn sentinels_get_no_credentials_and_the_master_gets_them() {
        let url = "rediss+sentinel://u:p%40@a:7000,b,[::1]/main.1/3".parse::<RedisUrl>().unwrap();
        assert_eq!(url.tier(), "redis_sentinel");
        let Servers::Sentinel(Sentinels { addresses, master_name, master }) = &url.servers else {
            panic!("{url}")
        };
        let [a, b, c] = ["a:7000", "b:26379", "::1:26379"].map(|address| (address.to_owned(), None, None));
        assert_eq!(addresses.iter().map(parts).collect::<Vec<_>>(), [a, b, c]);
        assert_eq!(parts(master), ("master:6379".to_owned(), Some("u"), Some("p@")));
        assert_eq!((master_name.as_str(), master.redis_settings().db()), ("main.1", 3));
    }

    #[test]
    fn an_address_that_cannot_work_is_refused_without_repeating_it() {
        for (raw, part) in [
            ("localhost:6379", "redis://"),
            ("http://h", "redis://"),
            (
                "redis://h?password=hunter2",
                "has an unknown option `password`: write redis://user:password@host",
            ),
            ("redis://h/0?timeout=hunter2", "has an unknown option `timeout`"),
            ("redis+cluster://a,b?ssl=hunter2", "unknown option `ssl`: write rediss://"),
            ("redis+unix:///run/redis.sock?db=1&dbname=hunter2", "has an unknown option `dbname`"),
            ("redis://hunter2@h", "without a password"),
            ("redis://", "one host"),
            ("redis://:6379", "one host"),
            ("redis://a,b:6379", "redis+cluster://"),
            ("redis://h:x", "port"),
            ("redis://h:0", "port"),
            ("redis://h:65536", "port"),
            ("redis://h/x", "number"),
            ("redis://:hunter2@h/0/1", "number"),
            ("redis+cluster://a,b/1", "a cluster has the one"),
            ("redis+cluster://a,,b", "one host"),
            ("redis+sentinel://a", "name the master"),
            ("redis+sentinel://a//0", "name the master"),
            ("redis+sentinel://a/m%20/0", "name the master"),
            ("redis+sentinel://a/main/x", "number"),
            ("redis+sentinel://:hunter2@a/main/0/1", "number"),
            ("redis+sentinel://a,,b/main", "one host"),
            ("redis+sentinel://hunter2@a/main", "without a password"),
            ("redis+sentinel://a:0/main", "port"),
            ("redis+unix://", "path"),
            ("redis+unix://host/path", "path"),
        ] {
            let problem = raw.parse::<RedisUrl>().unwrap_err().to_string();
            assert!(problem.contains(part) && !problem.contains("hunter2"), "{raw}: {problem}");
        }
    }

    #[test]
    fn a_prefix_cannot_change_where_a_key_lives() {
        assert_eq!(key_prefix("team-a:").unwrap(), "team-a:");
        for raw in ["{a}", "a b", "ä", &"x".repeat(65)] {
            assert!(key_prefix(raw).is_err(), "{raw}");
        }
    }
}
