//! A Redis Cluster of the test's own, which it may hurt.

use std::process::Command;

use crate::support::redis::{RedisServer, eventually};

/// Six nodes of the test's own: three primaries, each with a replica.
pub struct Cluster(Vec<RedisServer>);

impl Cluster {
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..6 {
            nodes.push(
                RedisServer::start_with(&["--cluster-enabled", "yes", "--cluster-node-timeout", "3000"])
                    .await,
            );
        }
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .args(["--cluster-replicas", "1", "--cluster-yes"])
            .output();
        let created = created.unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = Self(nodes);
        let info = redis::cmd("CLUSTER").arg("INFO").take();
        let replication = redis::cmd("INFO").arg("replication").take();
        for node in &cluster.0 {
            eventually("the cluster is ready", async || {
                let ask = async |command| node.ask::<String>(command).await.unwrap_or_default();
                let (state, role) = (ask(&info).await, ask(&replication).await);
                // A replica that has never had the data does not take over.
                let is_whole = role.contains("connected_slaves:1") || role.contains("master_link_status:up");
                state.contains("cluster_state:ok") && is_whole
            })
            .await;
        }
        cluster
    }

    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.0.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }

    /// The port of the node that serves this key, as one of the others sees it.
    pub async fn primary_of(&self, key: &str, but_not: u16) -> Option<u16> {
        let node = self.0.iter().find(|node| node.port != but_not)?;
        let slot: u16 = node.ask(redis::cmd("CLUSTER").arg("KEYSLOT").arg(key)).await.ok()?;
        let slots: Vec<(u16, u16, (String, u16))> = slots_of(node).await?;
        let (_, _, (_, port)) =
            slots.into_iter().find(|(first, last, _)| (*first..=*last).contains(&slot))?;
        (port != but_not).then_some(port)
    }

    pub async fn kill_the_primary_of(&mut self, key: &str) -> u16 {
        let port = self.primary_of(key, 0).await.unwrap();
        self.0.iter_mut().find(|node| node.port == port).unwrap().kill();
        port
    }

    pub async fn hits(&self, key: &str, dead: u16) -> u32 {
        let port = self.primary_of(key, dead).await.unwrap();
        let node = self.0.iter().find(|node| node.port == port).unwrap();
        node.ask(redis::cmd("ZCARD").arg(key)).await.unwrap()
    }
}

/// First and last slot and the primary's address, without the replicas.
async fn slots_of(node: &RedisServer) -> Option<Vec<(u16, u16, (String, u16))>> {
    let ranges: Vec<Vec<redis::Value>> = node.ask(redis::cmd("CLUSTER").arg("SLOTS")).await.ok()?;
    let read = |range: Vec<redis::Value>| {
        let [first, last, primary, ..] =
            <[_; 3]>::try_from(range.into_iter().take(3).collect::<Vec<_>>()).ok()?;
        let redis::Value::Array(primary) = primary else { return None };
        let mut primary = primary.into_iter();
        let host = redis::from_redis_value(primary.next()?).ok()?;
        let port = redis::from_redis_value(primary.next()?).ok()?;
        Some((redis::from_redis_value(first).ok()?, redis::from_redis_value(last).ok()?, (host, port)))
    };
    ranges.into_iter().map(read).collect()
}
