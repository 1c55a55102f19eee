//! A Redis that Sentinels watch, all of the test's own.

use crate::support::redis::{RedisServer, eventually};

/// A master and its replicas, and Sentinels that watch them.
pub struct Watched {
    pub servers: Vec<RedisServer>,
    pub sentinels: Vec<RedisServer>,
}

impl Watched {
    /// One server and one Sentinel: enough to be found.
    pub async fn by_one() -> Self {
        Self::start(0, 1).await
    }

    /// A master, a replica and three Sentinels: enough for a failover.
    pub async fn by_three() -> Self {
        Self::start(1, 3).await
    }

    /// A master with so many replicas, and so many Sentinels.
    pub async fn start(replicas: usize, sentinels: usize) -> Self {
        let options = ["--repl-diskless-sync-delay", "0"];
        let master = RedisServer::start_with(&options).await;
        let port = master.port.to_string();
        let mut servers = vec![master];
        for _ in 0..replicas {
            let options = [&["--replicaof", "127.0.0.1", &port][..], &options].concat();
            servers.push(RedisServer::start_with(&options).await);
        }
        let is_up = |info: &str| info.contains("role:master") || info.contains("master_link_status:up");
        for server in &servers {
            eventually("it has the data", async || is_up(&replication(server).await)).await;
        }
        let configuration = format!(
            "sentinel monitor main 127.0.0.1 {port} {}\n\
             sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n",
            sentinels / 2 + 1
        );
        let mut started = Vec::new();
        for _ in 0..sentinels {
            started.push(RedisServer::start_sentinel(&configuration).await);
        }
        Self { servers, sentinels: started }
    }

    /// Waits until the Sentinels know each other and the replica, which they need for a failover.
    pub async fn are_ready(&self) {
        for sentinel in &self.sentinels {
            eventually("the Sentinel knows the others", async || {
                let ask = async |what: &str| {
                    let command = redis::cmd("SENTINEL").arg(what).arg("main").take();
                    sentinel.ask::<Vec<redis::Value>>(&command).await.map_or(0, |list| list.len())
                };
                ask("SENTINELS").await + 1 == self.sentinels.len()
                    && ask("REPLICAS").await + 1 == self.servers.len()
            })
            .await;
        }
    }

    pub fn url(&self) -> String {
        self.url_with("")
    }

    /// With a user and password, as far as the `@`.
    pub fn url_with(&self, credentials: &str) -> String {
        let sentinels: Vec<_> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{credentials}{}/main/0", sentinels.join(","))
    }
}

/// What a server says of its role and its links; empty when it does not answer.
pub async fn replication(server: &RedisServer) -> String {
    server.ask(redis::cmd("INFO").arg("replication")).await.unwrap_or_default()
}
