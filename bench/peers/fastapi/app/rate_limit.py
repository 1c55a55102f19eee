"""A sliding window in Redis: one sorted set for a client and an operation, one member a request."""

import time
from uuid import uuid4

from redis.asyncio import Redis

from app.errors import ApiError
from app.settings import settings

WINDOW = 60

redis: Redis | None = (
    Redis.from_url(settings.redis_url) if settings.redis_url and settings.rate_limit_per_minute else None
)


async def count(client: str, operation: str) -> None:
    if redis is None or settings.rate_limit_per_minute is None:
        return
    key, now = f"rate_limit:{client}:{operation}", time.time()
    async with redis.pipeline() as pipeline:
        pipeline.zremrangebyscore(key, 0, now - WINDOW)
        pipeline.zadd(key, {uuid4().bytes: now})
        pipeline.zcard(key)
        pipeline.expire(key, WINDOW)
        _, _, requests, _ = await pipeline.execute()
    if requests > settings.rate_limit_per_minute:
        raise ApiError("rate_limited", {"Retry-After": str(WINDOW)})
