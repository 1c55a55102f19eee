//! Messages from a channel of Redis, on a connection of their own.

use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Client, ConnectionInfo, ErrorKind, RedisResult, Value};
use tokio::time::{sleep, timeout};

use super::Redis;
use super::client::Connector;
use crate::url::Servers;

/// How often a silent connection is probed: a dead network ends none.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);

/// A subscription to one channel.
pub struct Subscription {
    sink: PubSubSink,
    stream: PubSubStream,
    timeout: Duration,
}

impl Subscription {
    /// Waits for the next message, whose content is dropped. `None` when the connection is lost,
    /// and messages may have been, too.
    pub async fn next(&mut self) -> Option<()> {
        loop {
            tokio::select! {
                message = self.stream.next() => return message.map(drop),
                () = sleep(PROBE_INTERVAL) => {
                    timeout(self.timeout, self.sink.ping::<Value>()).await.ok()?.ok()?;
                }
            }
        }
    }
}

impl Redis {
    /// Subscribes to the channel with this name behind the prefix of keys. Its messages come from
    /// `PUBLISH` by [`call`](Self::call). `None` if Redis does not answer; this is not logged, and
    /// affects no call.
    pub async fn subscribe(&self, channel: &str) -> Option<Subscription> {
        let inner = &*self.0;
        let (channel, limit) = (inner.prefixed(channel), inner.config.timeout);
        let subscribed = timeout(limit, inner.client.subscribe(&channel)).await.ok()?.ok()?;
        let (sink, stream) = subscribed.split();
        Some(Subscription { sink, stream, timeout: limit })
    }
}

impl Connector {
    /// Connects to a server that receives the messages of all channels.
    pub(super) async fn subscribe(&self, channel: &str) -> RedisResult<redis::aio::PubSub> {
        let server = match &self.servers {
            Servers::One(server) => server.clone(),
            Servers::Sentinel(sentinels) => self.find_master(sentinels).await?.0,
            Servers::Cluster(nodes) => return subscribe_to_any(nodes, channel).await,
        };
        subscribe_to(&server, channel).await
    }
}

/// The nodes of a cluster pass messages on to each other.
async fn subscribe_to_any(nodes: &[ConnectionInfo], channel: &str) -> RedisResult<redis::aio::PubSub> {
    let mut failed = (ErrorKind::Io, "the cluster has no nodes").into();
    for node in nodes {
        match subscribe_to(node, channel).await {
            Ok(subscribed) => return Ok(subscribed),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn subscribe_to(server: &ConnectionInfo, channel: &str) -> RedisResult<redis::aio::PubSub> {
    let mut connection = Client::open(server.clone())?.get_async_pubsub().await?;
    connection.subscribe(channel).await?;
    Ok(connection)
}
