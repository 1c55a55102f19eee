//! A limit of requests in a window that slides.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use redis::RedisResult;
use redis::aio::ConnectionManager;
use time::OffsetDateTime;

use crate::answers::Problem;
use crate::handlers::bearer;
use crate::tokens;

const WINDOW_SECONDS: i64 = 60;

#[derive(Clone)]
pub struct Limiter {
    redis: ConnectionManager,
    per_minute: i64,
}

impl Limiter {
    pub async fn connect(url: &str, per_minute: i64) -> RedisResult<Self> {
        let redis = ConnectionManager::new(redis::Client::open(url)?).await?;
        Ok(Self { redis, per_minute })
    }

    async fn count_one(&self, key: &str, member: u128) -> RedisResult<i64> {
        let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let oldest = now - WINDOW_SECONDS * 1_000_000;
        let (counted,) = redis::pipe()
            .zrembyscore(key, "-inf", oldest)
            .ignore()
            .zadd(key, member.to_string(), now)
            .ignore()
            .zcard(key)
            .expire(key, WINDOW_SECONDS)
            .ignore()
            .query_async(&mut self.redis.clone())
            .await?;
        Ok(counted)
    }
}

/// Counts requests that bring a bearer token, by client and path.
pub async fn count(
    State(limiter): State<Limiter>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if bearer(request.headers()).is_some() {
        let key = format!("ratelimit:{}:{}", client.ip(), request.uri().path());
        // Two requests of one microsecond are two members.
        let member = u128::from_be_bytes(tokens::random()?);
        match limiter.count_one(&key, member).await {
            Ok(counted) if counted > limiter.per_minute => return Err(Problem::RateLimited),
            Ok(_) => {}
            // Without Redis there is no limit, but there is an answer.
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(next.run(request).await)
}
