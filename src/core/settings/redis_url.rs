//! The address of Redis, which may hold a password, and what its keys begin with.

use groundwork_state::redis::driver::IntoConnectionInfo;
pub use groundwork_state::url::{RedisUrl, SentinelUrl};

use super::check::Check;
use super::database_url::{Parts, options};

const FORM: &str = "must be redis://host:port/number, rediss:// for TLS, redis+unix:///path for a socket, \
    redis+sentinel://host:port,host:port/master-name/number (rediss+sentinel:// for TLS), or \
    redis+cluster://host:port,host:port (rediss+cluster:// for TLS)";

/// Where Sentinels listen unless their address says otherwise.
const SENTINEL_PORT: u16 = 26379;

/// The address of Redis.
pub(super) struct Redis;

impl Check for Redis {
    type Value = Option<RedisUrl>;
    const SECRET: bool = true;

    fn read(&self, raw: &str) -> Result<Option<RedisUrl>, String> {
        if raw.is_empty() {
            return Ok(None);
        }
        let parts = Parts::split(raw).ok_or(FORM)??;
        match parts.scheme {
            "redis" | "rediss" => server(raw, &parts),
            "redis+unix" | "unix" => socket(raw, &parts),
            "redis+sentinel" | "rediss+sentinel" => sentinel(&parts),
            "redis+cluster" | "rediss+cluster" => cluster(&parts),
            _ => Err(FORM.to_owned()),
        }
        .map(Some)
    }

    fn show(&self, value: &Option<RedisUrl>) -> String {
        value.as_ref().map(RedisUrl::to_string).unwrap_or_default()
    }

    fn accepts(&self) -> String {
        "`redis://[user]:password@host:port/number`, `rediss://` for TLS, `redis+unix:///path`, \
         `redis+sentinel://[user]:password@host:port,host:port/master-name/number` and `rediss+sentinel://`, or \
         `redis+cluster://[user]:password@host:port,host:port` and `rediss+cluster://`."
            .to_owned()
    }
}

fn server(raw: &str, parts: &Parts<'_>) -> Result<RedisUrl, String> {
    plain(parts)?;
    host(parts.host)?;
    database(parts.path.strip_prefix('/').unwrap_or_default())?;
    readable(raw)?;
    Ok(RedisUrl::Server(secret_url(parts)))
}

fn database(number: &str) -> Result<(), String> {
    if !number.is_empty() && number.parse::<u16>().is_err() {
        return Err("must end in the number of a database, such as /0".to_owned());
    }
    Ok(())
}

fn sentinel(parts: &Parts<'_>) -> Result<RedisUrl, String> {
    plain(parts)?;
    let path = parts.path.strip_prefix('/').unwrap_or_default();
    let (name, number) = path.split_once('/').unwrap_or((path, ""));
    // What Redis accepts after SENTINEL MONITOR.
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Err("must name the master that the Sentinels watch: redis+sentinel://host:port/master-name"
            .to_owned());
    }
    database(number)?;
    let scheme = parts.scheme.trim_end_matches("+sentinel");
    let node = |name: &str| {
        host(name)?;
        let has_port = name.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let url = if has_port {
            format!("{scheme}://{name}")
        } else {
            format!("{scheme}://{name}:{SENTINEL_PORT}")
        };
        readable(&url)?;
        Ok(url)
    };
    let sentinels = parts.host.split(',').map(node).collect::<Result<_, String>>()?;
    let master = format!("{scheme}://{}master/{number}", credentials(parts));
    readable(&master)?;
    let master_name = name.to_owned();
    Ok(RedisUrl::Sentinel(SentinelUrl {
        url: secret_url(parts),
        sentinels,
        master_name,
        master: master.into(),
    }))
}

/// User and password as an address has them, up to the `@`.
fn credentials(parts: &Parts<'_>) -> String {
    match parts.user {
        Some((name, password)) => format!("{name}:{}@", password.unwrap_or_default()),
        None => String::new(),
    }
}

fn socket(raw: &str, parts: &Parts<'_>) -> Result<RedisUrl, String> {
    if !parts.host.is_empty() || parts.user.is_some() || parts.path.len() < 2 {
        return Err("must name the socket's path: redis+unix:///path?db=number&pass=password".to_owned());
    }
    options::of_redis(parts.query, &["db", "user", "pass", "protocol"])?;
    readable(raw)?;
    Ok(RedisUrl::Server(secret_url(parts)))
}

fn cluster(parts: &Parts<'_>) -> Result<RedisUrl, String> {
    plain(parts)?;
    if !matches!(parts.path, "" | "/") {
        return Err("must not name a database: a cluster has the one".to_owned());
    }
    let scheme = parts.scheme.trim_end_matches("+cluster");
    let user = credentials(parts);
    let node = |name: &str| {
        host(name)?;
        let url = format!("{scheme}://{user}{name}");
        readable(&url)?;
        Ok(url.into())
    };
    let nodes = parts.host.split(',').map(node).collect::<Result<_, String>>()?;
    Ok(RedisUrl::Cluster { url: secret_url(parts), nodes })
}

/// No options, and no user without a password.
fn plain(parts: &Parts<'_>) -> Result<(), String> {
    options::of_redis(parts.query, &[])?;
    if matches!(parts.user, Some((_, None))) {
        return Err(
            "names a user without a password; a password alone is written redis://:password@host".to_owned()
        );
    }
    Ok(())
}

fn host(raw: &str) -> Result<(), String> {
    let (host, port) = match raw.rsplit_once(':') {
        // A colon inside the brackets of an IPv6 address starts no port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (raw, None),
    };
    if host.is_empty() || host.contains(',') {
        return Err(
            "must name one host; several nodes are written redis+cluster://host:port,host:port".to_owned()
        );
    }
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err("must name a port from 1 to 65535".to_owned());
    }
    Ok(())
}

fn secret_url(parts: &Parts<'_>) -> groundwork_state::url::SecretUrl {
    let url = super::SecretUrl::new(parts);
    groundwork_state::url::SecretUrl::new(url.expose().into(), url.to_string())
}

/// The driver's own reading, so that an address accepted here is not refused at the first connection. Its message may
/// repeat the address.
fn readable(url: &str) -> Result<(), String> {
    url.into_connection_info().map(drop).map_err(|_| "cannot be read as an address of Redis".to_owned())
}

/// What keys begin with.
pub(super) struct KeyPrefix;

impl Check for KeyPrefix {
    type Value = String;

    fn read(&self, raw: &str) -> Result<String, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.');
        if raw.len() > 64 || !raw.chars().all(fits) {
            return Err("must be at most 64 letters, digits and : - _ .".to_owned());
        }
        Ok(raw.to_owned())
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn accepts(&self) -> String {
        // Braces would send every key of a cluster to one node.
        "At most 64 letters, digits and `: - _ .`.".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> String {
        Redis.show(&Redis.read(raw).unwrap())
    }

    #[test]
    fn every_way_to_reach_redis_has_an_address_that_shows_no_password() {
        assert!(Redis.read("").unwrap().is_none());
        assert_eq!(Redis.show(&None), "");
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
            assert!(!format!("{:?}", Redis.read(raw).unwrap()).contains("hunter2"));
        }
    }

    #[test]
    fn every_node_of_a_cluster_gets_the_credentials() {
        let url = Redis.read("rediss+cluster://u:p%40@a:7000,b").unwrap().unwrap();
        assert_eq!(url.expose_nodes(), ["rediss://u:p%40@a:7000", "rediss://u:p%40@b"]);
        assert_eq!(url.tier(), "redis_cluster");
    }

    #[test]
    fn sentinels_get_no_credentials_and_the_master_gets_them() {
        let url = Redis.read("rediss+sentinel://u:p%40@a:7000,b,[::1]/main.1/3").unwrap().unwrap();
        assert_eq!(url.tier(), "redis_sentinel");
        let RedisUrl::Sentinel(url) = url else { panic!("{url}") };
        assert_eq!(url.sentinels, ["rediss://a:7000", "rediss://b:26379", "rediss://[::1]:26379"]);
        assert_eq!((url.master_name.as_str(), url.expose_master()), ("main.1", "rediss://u:p%40@master/3"));
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
            let problem = Redis.read(raw).unwrap_err();
            assert!(problem.contains(part) && !problem.contains("hunter2"), "{raw}: {problem}");
        }
    }

    #[test]
    fn a_prefix_cannot_change_where_a_key_lives() {
        assert_eq!(KeyPrefix.read("team-a:").unwrap(), "team-a:");
        for raw in ["{a}", "a b", "ä", &"x".repeat(65)] {
            assert!(KeyPrefix.read(raw).is_err(), "{raw}");
        }
    }
}
