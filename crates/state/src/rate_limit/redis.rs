//! Windows in Redis, where all instances count together.

use super::{RateLimitDecision, RateLimitKey, WINDOW_MICROS};
use crate::redis::{LuaScript, Redis, RedisUnavailable};

/// One sorted set per key: the requests by their time in microseconds. The clock is that of Redis,
/// so the clocks of instances may differ; `ARGV[3]` is an offset for tests, 0 in production. A
/// member is the time and the count before it, so two requests in one microsecond are two members.
///
/// Lua rounds large numbers in text, so they are formatted explicitly.
static CHECK: LuaScript = LuaScript::new(
    r"
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2] + ARGV[3]
    local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
    local function text(number) return string.format('%.0f', number) end
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now - window))
    -- A clock that was set back must not lock a client out until it has caught up.
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. text(now), '+inf')
    local count = redis.call('ZCARD', KEYS[1])
    local allowed = 0
    if count < limit then
        allowed = 1
        redis.call('ZADD', KEYS[1], text(now), text(now) .. '-' .. count)
        redis.call('PEXPIRE', KEYS[1], window / 1000)
    end
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
    return { allowed, count, text((oldest or now) + window - now) }
    ",
);

/// Decides in one round trip.
pub(super) async fn check(
    redis: &Redis,
    key: &RateLimitKey,
    limit: u32,
    offset_micros: i64,
) -> Result<RateLimitDecision, RedisUnavailable> {
    let arguments = [limit.to_string(), WINDOW_MICROS.to_string(), offset_micros.to_string()];
    let arguments = arguments.each_ref().map(String::as_bytes);
    let (allowed, count, reset): (bool, u32, i64) = redis.run(&CHECK, &key.to_string(), &arguments).await?;
    Ok(RateLimitDecision::new(allowed, limit, count, reset))
}
