//! The stores that must behave alike.

use std::time::Duration;

use groundwork::settings::Settings;
use groundwork_clock::Clock;
use groundwork_state::cache::Cache;
use groundwork_state::rate_limit::RateLimiter;
use groundwork_state::redis::{Redis, RedisConfig};

use crate::support::{SECRET, redis as servers};

/// A store and the clock that goes with it.
#[derive(Clone)]
pub struct Store {
    pub redis: Option<Redis>,
    pub clock: Clock,
}

impl Store {
    pub fn in_process() -> Self {
        Self { redis: None, clock: Clock::default() }
    }

    /// The Redis at this address, with keys of the test's own.
    pub fn at(url: &str) -> Self {
        Self::with_prefix(url, &servers::fresh_prefix())
    }

    pub fn with_prefix(url: &str, prefix: &str) -> Self {
        let settings = Settings::from_lookup(|name| match name {
            "REDIS_URL" => Some(url.to_owned()),
            "JWT_SECRET_KEY" => Some(SECRET.to_owned()),
            _ => None,
        });
        let redis = Redis::new(RedisConfig {
            url: settings.unwrap().redis_url.unwrap(),
            key_prefix: prefix.to_owned(),
            timeout: Duration::from_secs(2),
            call_span: tracing::Span::none,
        });
        Self { redis: Some(redis), clock: Clock::default() }
    }

    pub fn limiter(&self) -> RateLimiter {
        RateLimiter::new(self.redis.clone(), self.clock.clone())
    }

    pub fn cache(&self) -> Cache {
        Cache::new(self.redis.clone(), Duration::from_mins(5), self.clock.clone())
    }
}

/// Runs a test on every store: `on_every_store! { async fn name(store: Store) { … } }`.
macro_rules! on_every_store {
    ($( async fn $name:ident($store:ident: Store) $body:block )+) => {$(
        mod $name {
            use super::*;

            async fn run($store: $crate::state::stores::Store) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn in_process() {
                run($crate::state::stores::Store::in_process()).await;
            }

            #[ignore = "needs Redis"]
            #[tokio::test(flavor = "multi_thread")]
            async fn in_redis() {
                run($crate::state::stores::Store::at(&$crate::support::redis::server())).await;
            }

            #[ignore = "needs Redis"]
            #[tokio::test(flavor = "multi_thread")]
            async fn in_a_redis_that_a_sentinel_watches() {
                let watched = $crate::state::watched::Watched::by_one().await;
                run($crate::state::stores::Store::at(&watched.url())).await;
            }

            #[ignore = "needs a Redis Cluster"]
            #[tokio::test(flavor = "multi_thread")]
            async fn in_a_redis_cluster() {
                run($crate::state::stores::Store::at(&$crate::support::redis::cluster())).await;
            }
        }
    )+};
}
pub(crate) use on_every_store;
