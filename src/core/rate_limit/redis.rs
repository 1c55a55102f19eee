//! The windows of all clients in Redis, where all instances count together.

use std::sync::LazyLock;

use super::{Key, Verdict, WINDOW_MICROS, seconds_up};
use crate::core::redis::{Away, Redis, Script};

/// One sorted set a key: requests by their instants in microseconds. Redis' own clock decides, so that the clocks of
/// instances may differ; `ARGV[3]` moves it for a test, and is 0 in production. A member is the instant and how many
/// were there before it, so that two in one microsecond are two.
///
/// Lua shows large numbers rounded: they are formatted by hand.
static HIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
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
    )
});

/// Counts a request in Redis, in one round trip.
pub(super) async fn hit(redis: &Redis, key: &Key, limit: u32, offset_micros: i64) -> Result<Verdict, Away> {
    let arguments = [limit.to_string(), WINDOW_MICROS.to_string(), offset_micros.to_string()];
    let arguments = arguments.each_ref().map(String::as_bytes);
    let (allowed, count, reset): (bool, u32, i64) = redis.run(&HIT, &key.to_string(), &arguments).await?;
    Ok(Verdict {
        allowed,
        limit,
        remaining: limit.saturating_sub(count + u32::from(allowed)),
        reset: seconds_up(reset),
    })
}
